"""A demo case about a product: expert report, exhibit, motion to exclude and order."""

from casemill.local.demo_civil_rights import SUMMARY_JUDGMENT_STANDARD
from casemill.local.demo_paper import Caption, DemoCase, Paper

_CAPTION = Caption(
    court="United States District Court for the Western District of New Avalon",
    parties=("BRANDT ORCHARDS LLC, Plaintiff,", "KESTREL COATINGS INC., Defendant."),
    docket="5:21-cv-00932-JQL",
)

VALE_REPORT = """
# 1. ASSIGNMENT

I was retained by counsel for Brandt Orchards LLC to determine why the interior coating of four cider
tanks failed within fourteen months. This report is made under Fed. R. Civ. P. 26(a)(2)(B). It contains
all my opinions, the basis for each of them, and the data I considered. My compensation is $385 per hour
and does not depend on the outcome.

# 2. SUMMARY OF OPINIONS

Opinion 1. The coating, Kestrel K-440, was under-cured when it was put into service. Opinion 2. It was
under-cured because the hardener in batch 7713 contained about half of the amine that its data sheet
states. Opinion 3. Neither the preparation of the steel nor the cleaning of the tanks caused the failure.

# 3. METHOD

I took twelve coupons from each of the four tanks, and twelve from a fifth tank that had been coated with
batch 7690 and had not failed. Degree of cure was measured by differential scanning calorimetry according
to a published standard, adhesion by pull-off test, and amine content by titration. Each measurement was
made in triplicate by a technician who did not know from which tank a coupon came. The method has a known
rate of error, was published before this dispute, and is used throughout the industry.

# 4. RESULTS

| Tank | Batch | Degree of cure, % | Adhesion, MPa | Amine, mg KOH/g |
| T1 | 7713 | 71.2 | 2.1 | 148 |
| T2 | 7713 | 69.8 | 1.9 | 146 |
| T3 | 7713 | 70.5 | 2.4 | 151 |
| T4 | 7713 | 72.9 | 2.2 | 149 |
| T5 (control) | 7690 | 96.1 | 8.7 | 292 |

The data sheet of K-440 requires a degree of cure of at least 95 percent before contact with food,
adhesion of at least 7 MPa, and a hardener with an amine value between 280 and 300.

# 5. ALTERNATIVES CONSIDERED

Surface preparation. Profile and chloride were measured under the failed film and are within the limits of
the data sheet in all tanks. Cleaning. The orchard's log shows a caustic wash at 60 degrees each week. The
control tank received the same wash and kept its coating. Temperature during cure. The loggers show 18 to
22 degrees for seven days, which is what the data sheet asks for.

# 6. BASIS IN LAW FOR THE FORM OF THIS REPORT

Counsel has told me that an opinion must rest on sufficient data and reliable methods, reliably applied,
under Fed. R. Evid. 702 and Daubert v. Merrell Dow Pharmaceuticals, Inc., 509 U.S. 579, 592-94 (1993), and
I have written the report so that each step can be checked.

# 7. CONCLUSION

To a reasonable degree of scientific certainty, the coating failed because the hardener in batch 7713 was
deficient when it left the manufacturer. I reserve the right to supplement this report under Fed. R. Civ.
P. 26(e) if further data are produced.

Dated: February 17, 2022. Imogen Vale, Ph.D., Vale Materials Laboratory.
"""

_MOTION = """
Defendant Kestrel Coatings Inc. moves under Federal Rules of Evidence 104(a) and 702 to exclude the
testimony of Imogen Vale, Ph.D., and, if it is excluded, for summary judgment under Fed. R. Civ. P. 56.

# BACKGROUND

Brandt Orchards coated five stainless and carbon steel cider tanks with K-440 in the spring of 2020. It
prepared the steel itself, mixed the two components itself, and cured the film in an unheated barn. When
the film blistered it called Dr. Vale, who had never before published on epoxy linings for fermented
beverages.

# THE COURT AS GATEKEEPER

Rule 702 assigns to the trial judge the task of ensuring that an expert's testimony rests on a reliable
foundation and is relevant to the task at hand. Daubert v. Merrell Dow Pharmaceuticals, Inc., 509 U.S.
579, 597 (1993). The inquiry covers all expert testimony, not only science. Kumho Tire Co. v. Carmichael,
526 U.S. 137, 147 (1999). An opinion connected to the data only by the ipse dixit of the expert may be
refused, because there may be too great an analytical gap between the data and the opinion. General
Electric Co. v. Joiner, 522 U.S. 136, 146 (1997).

# ARGUMENT

I. The titration proves nothing about the hardener as sold. Dr. Vale did not test a sealed can of batch
7713. She extracted amine from a film that had been in contact with cider for fourteen months and assumed
that none had leached out. That is the gap that Joiner describes. Id.

II. One control tank is not a control. The fifth tank was coated three weeks later, in warmer weather. An
expert must bring to the courtroom the same level of intellectual rigor that characterizes the practice of
an expert in the field. Kumho Tire, 526 U.S. at 152. No laboratory would accept a single control that
differs in the very variable in dispute.

III. Without Dr. Vale there is no case. Causation in a case like this needs expert proof. A plaintiff that
loses its only expert cannot expect another chance. Weisgram v. Marley Co., 528 U.S. 440, 455-56 (2000).
In this action, brought under 28 U.S.C. § 1332(a)(1), the substantive law of the state decides what must
be proved. Erie Railroad Co. v. Tompkins, 304 U.S. 64, 78 (1938). A plaintiff that cannot make a showing
sufficient to establish an essential element has no right to a trial. Celotex Corp. v. Catrett, 477 U.S.
317, 322 (1986).

# CONCLUSION

The testimony should be excluded and summary judgment entered for the defendant.

Dated: May 3, 2022. /s/ Thaddeus Quill, Quill Abernathy & Stone, counsel for defendant.
"""

_EXHIBIT = """
# EXHIBIT A - CURE LOG, BARN 2, APRIL 2020

The log was kept by the orchard's cellar master. Temperatures are those of the steel, taken with a contact
probe at seven in the morning and at seven in the evening, in degrees Celsius. Humidity is that of the
air.

| Day | Morning | Evening | Humidity, % | Remark |
| 1 | 18.4 | 20.1 | 54 | T1, T2 coated |
| 2 | 18.1 | 20.6 | 57 | T3, T4 coated |
| 3 | 18.9 | 21.2 | 55 | film tacky |
| 4 | 19.2 | 21.8 | 51 | film tacky |
| 5 | 19.0 | 21.5 | 52 | no change |
| 6 | 18.7 | 20.9 | 58 | no change |
| 7 | 19.5 | 21.9 | 50 | thumbnail test fails |

The remark of day 7 was reported to Kestrel by telephone on the same day. According to the note of the
call, the technical line answered that the tanks could be filled after ten days "as long as it is dry to
the touch".

---

# EXHIBIT B - DATA SHEET OF K-440 (EXCERPT)

Mixing ratio 4 to 1 by volume. Pot life 35 minutes at 20 degrees. Full cure seven days at 18 degrees or
more. Not for contact with food before full cure. The product is represented to comply with 21 C.F.R. §
175.300.

| Property | Requirement | Test |
| Degree of cure | at least 95 % | calorimetry |
| Adhesion | at least 7 MPa | pull-off |
| Amine value of hardener | 280 to 300 | titration |

---

# CERTIFICATION

I certify that the foregoing are true copies of records of regularly conducted activity, made at or near
the time by someone with knowledge and kept in the course of that activity. Fed. R. Evid. 803(6) and
902(11).

Dated: May 24, 2022. Ansel Brandt, records custodian of Brandt Orchards LLC.
"""

_ORDER = f"""
Kestrel Coatings moves to exclude the plaintiff's expert and for summary judgment. The Court held a
hearing under Fed. R. Evid. 104(a) on August 9, 2022, at which Dr. Vale was examined for most of a day.
Both motions are denied.

# THE EXPERT

The Court asks whether the testimony is based on sufficient facts, is the product of reliable methods, and
reflects a reliable application of them. Fed. R. Evid. 702. The factors in Daubert v. Merrell Dow
Pharmaceuticals, Inc., 509 U.S. 579, 593-94 (1993), are flexible. Kumho Tire Co. v. Carmichael, 526 U.S.
137, 150 (1999). Calorimetry and titration are old methods with known rates of error. They were performed
blind. Nobody suggests that they were performed badly.

Kestrel's better point is the step from a low amine value in the film to a low amine value in the can. If
nothing bridged that step, General Electric Co. v. Joiner, 522 U.S. 136, 146 (1997), would require
exclusion. But Dr. Vale explained at the hearing why amine that has reacted does not leach, and why amine
that has not would have raised, not lowered, the value she measured. Kestrel's own chemist agreed with the
first half of that. The rest goes to weight.

> Vigorous cross-examination, presentation of contrary evidence, and careful instruction on the burden of
> proof are the traditional and appropriate means of attacking shaky but admissible evidence.

Daubert, 509 U.S. at 596.

# SUMMARY JUDGMENT

{SUMMARY_JUDGMENT_STANDARD.strip()}

With Dr. Vale's testimony in the record there is a genuine dispute about causation. The cure log, Exhibit
A, adds to it: the film was still tacky on the fourth day at temperatures within the data sheet. A jury
could conclude that something was wrong with the hardener. See Anderson, supra, at 255.

# ORDER

The motion to exclude is DENIED. The motion for summary judgment is DENIED.

Dated: September 2, 2022. J. Q. Lindqvist, United States District Judge.
"""

CASE = DemoCase(
    name="Brandt Orchards v. Kestrel Coatings",
    papers=(
        Paper(
            "01 Expert Report of Dr. Vale.docx", "Expert Report of Imogen Vale, Ph.D.", VALE_REPORT, _CAPTION
        ),
        Paper("02 Motion to Exclude.pdf", "Motion to Exclude Expert Testimony", _MOTION, _CAPTION),
        Paper("03 Exhibits A and B.pdf", "Exhibits A and B", _EXHIBIT, _CAPTION),
        Paper("04 Memorandum and Order.pdf", "Memorandum and Order", _ORDER, _CAPTION),
    ),
)
