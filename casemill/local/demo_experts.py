"""Experts of the demo, each with a curriculum vitae and a report."""

from dataclasses import dataclass

from casemill.local.demo_coatings import VALE_REPORT
from casemill.local.demo_paper import Paper


@dataclass(frozen=True, slots=True)
class DemoExpert:
    """An expert of the demo, invented."""

    name: str
    papers: tuple[Paper, ...]


_VALE_CV = """
Materials scientist. Vale Materials Laboratory, 4 Kiln Court, Westerham, New Avalon.

# FIELDS

Organic coatings and linings; cure kinetics of epoxy resins; adhesion; analysis of failures in tanks,
pipes and floors; food contact.

# EDUCATION

| Degree | Institution | Year |
| Ph.D., polymer chemistry | University of New Avalon | 1998 |
| M.Sc., chemistry | University of New Avalon | 1994 |
| B.Sc., chemistry | Westerham College | 1992 |

# POSITIONS

2009 to present: founder and director, Vale Materials Laboratory. 1998 to 2009: senior scientist,
Institute for Surface Protection, where she built the group for thermal analysis.

# SELECTED PUBLICATIONS

"Amine stoichiometry and residual enthalpy in two-component linings" (2006). "Blistering of epoxy films in
dilute acids" (2011). "What a pull-off test does not tell" (2017).

# TESTIMONY IN THE LAST FOUR YEARS

Brandt Orchards LLC v. Kestrel Coatings Inc., No. 5:21-cv-00932 (deposition and hearing under Fed. R.
Evid. 702; the opinions were admitted). Harbor Authority v. Tidewater Linings, arbitration (2020).
"""

_ROWE_CV = """
Police practices consultant. 118 Garrison Road, Fort Ellery, New Avalon.

# FIELDS

Use of force; defensive tactics; supervision and early warning systems; review of body-worn and fixed
video.

# EXPERIENCE

Twenty-six years in the Port Ellery Police Department, the last seven as captain in charge of training.
Instructor at the state academy from 2004 to 2018. Member of the panel that wrote the state's model policy
on takedowns.

# EDUCATION

| Degree | Institution | Year |
| M.A., criminal justice | Port Ellery State University | 2003 |
| B.A., history | Port Ellery State University | 1989 |

# TESTIMONY IN THE LAST FOUR YEARS

Retained in fourteen matters, nine for municipalities and five for plaintiffs. Testified at trial in
three. No court has excluded his opinions under Daubert v. Merrell Dow Pharmaceuticals, Inc., 509 U.S. 579
(1993).
"""

_ROWE_REPORT = """
# 1. QUESTIONS

Counsel for the plaintiff in Delacroix v. Township of Marlow, No. 3:22-cv-01187-RTH, asked two questions.
Was the takedown consistent with accepted police practice? Did the Township train its officers for
encounters of this kind?

# 2. MATERIAL

I have reviewed the complaint, the video, four depositions, the training log, the Township's policy on the
use of force, and nine citizen complaints from 2018 to 2021. I inspected the loading door on November 4,
2022.

# 3. THE ENCOUNTER

Officers are taught that the amount of force depends on the severity of the offense, the threat, and
resistance or flight. The teaching follows Graham v. Connor, 490 U.S. 386, 396 (1989). A parked van is not
a severe offense. Whether the report of a hit-and-run makes a difference depends on what the officer did
with it; he did not mention it, did not look at the van's front, and did not ask for its driver.

In the video the tray is between the officer and the rack. At the sixth second the officer's shoulder
hides it. I do not offer an opinion on what it did there; a jury can see as much as I can. If it moved
toward the rack, no accepted practice supports a takedown. If it moved toward the officer, a step back
does what a takedown does, and costs nobody a wrist.

# 4. TRAINING

Eight hours a year is the state's minimum. The log shows that in 2019, 2020 and 2021 all eight were spent
on firearms and ground fighting, none on talking. An agency that receives nine complaints about one
technique reviews the technique. The Township's file shows no review. Whether this is deliberate
indifference in the sense of City of Canton v. Harris, 489 U.S. 378, 388 (1989), is a question of law on
which I have no opinion.

# 5. OPINIONS

On the plaintiff's account, the force was inconsistent with accepted practice. The Township's training did
not address low-level encounters, and the complaints should have led a prudent chief to change that.

Dated: December 12, 2022. Desmond Rowe, Captain (retired).
"""

_ILVES_CV = """
Hydrologist. Department of Earth Sciences, University of New Avalon.

# FIELDS

Sediment transport; turbidity; reservoirs and small dams; tracing of suspended matter to its source.

# EDUCATION

| Degree | Institution | Year |
| Ph.D., hydrology | Northern Technical University | 2007 |
| M.Sc., geology | Northern Technical University | 2002 |

# POSITIONS

2016 to present: professor of hydrology. 2007 to 2016: river scientist, State Water Survey, responsible
for forty gauging stations.

# SELECTED PUBLICATIONS

"Fingerprinting fill: rare earth ratios in reservoir sediment" (2013). "How fast is too fast? Gate opening
and turbidity" (2019).

# TESTIMONY IN THE LAST FOUR YEARS

Friends of the Silver Hollow v. Silver Hollow Hydro Cooperative (affidavit in support of summary judgment,
under Fed. R. Civ. P. 56(c)(4)).
"""

_ILVES_REPORT = """
# 1. ASSIGNMENT

I was asked by counsel for the Friends of the Silver Hollow to determine where the sediment comes from
that makes the river run brown when the gates are opened.

# 2. SAMPLES AND METHOD

Between June 2020 and August 2021 I took 64 samples of suspended matter above and below the dam, and 20
cores from the forebay. In each I measured the ratio of lanthanum to ytterbium. River silt of the Silver
Hollow comes from slate and has a ratio near 11. The quarry from which the contractor brought the fill for
his cofferdam is granite; its ratio is near 34. The method is published and its error known, as Fed. R.
Evid. 702(c) asks.

# 3. RESULTS

| Place | Samples | Ratio, mean | Share of fill, % |
| Above the dam | 32 | 11.2 | 0 to 3 |
| Below, gates shut | 12 | 11.9 | 1 to 5 |
| Below, gates opened | 20 | 29.8 | 74 to 88 |
| Forebay, top 40 cm | 20 | 31.5 | 85 to 93 |

# 4. OPINIONS

Three quarters or more of what goes down the river when the gates are opened is quarry fill. It was not in
the river before 2019. Whether that makes it an addition of a pollutant under 33 U.S.C. § 1362(12) is not
for me to say; counsel pointed me to South Florida Water Management District v. Miccosukee Tribe of
Indians, 541 U.S. 95 (2004), so that I would understand why the source matters.

Opening the gates over six hours instead of twenty minutes would keep most of the fill where it is.
Removing it would take a dredge about nine weeks.

Dated: September 30, 2021. Liisa Ilves, Ph.D.
"""

EXPERTS = (
    DemoExpert(
        "Imogen Vale",
        (
            Paper("Vale - Curriculum Vitae.docx", "Curriculum Vitae of Imogen Vale, Ph.D.", _VALE_CV),
            Paper("Vale - Report on Cider Tanks.pdf", "Expert Report of Imogen Vale, Ph.D.", VALE_REPORT),
        ),
    ),
    DemoExpert(
        "Desmond Rowe",
        (
            Paper("Rowe - Curriculum Vitae.pdf", "Curriculum Vitae of Captain Desmond Rowe (ret.)", _ROWE_CV),
            Paper("Rowe - Report on Use of Force.docx", "Report on the Use of Force", _ROWE_REPORT),
        ),
    ),
    DemoExpert(
        "Liisa Ilves",
        (
            Paper("Ilves - Curriculum Vitae.pdf", "Curriculum Vitae of Liisa Ilves, Ph.D.", _ILVES_CV),
            Paper("Ilves - Report on Sediment.pdf", "Report on the Source of Sediment", _ILVES_REPORT),
        ),
    ),
)
