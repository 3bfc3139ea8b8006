"""A demo case on appeal, about a river: brief and opinion."""

from casemill.local.demo_paper import Caption, DemoCase, Paper

_CAPTION = Caption(
    court="United States Court of Appeals for the Fourteenth Circuit",
    parties=(
        "FRIENDS OF THE SILVER HOLLOW, Plaintiff-Appellee,",
        "SILVER HOLLOW HYDRO COOPERATIVE, Defendant-Appellant.",
    ),
    docket="23-10418",
)

_BRIEF = """
# STATEMENT OF JURISDICTION

The district court had jurisdiction under 28 U.S.C. § 1331 and 33 U.S.C. § 1365(a). It entered a permanent
injunction on March 30, 2023. The Cooperative filed its notice of appeal on April 21, 2023, within the
time that Fed. R. App. P. 4(a)(1)(A) allows. This Court has jurisdiction under 28 U.S.C. § 1291.

# STATEMENT OF THE ISSUES

1. Whether an association has standing when no member has been on the river since the gates were rebuilt.

2. Whether water that passes through a dam is an addition of a pollutant under 33 U.S.C. § 1362(12).

3. Whether the district court could enjoin the operation of a dam without finding irreparable harm.

# STATEMENT OF THE CASE

The dam at Silver Hollow was built in 1924 to drive a saw mill. It has four gates and a fall of thirty-one
feet. Since 1988 it has belonged to a cooperative of 2,140 farms, to which it supplies electricity. In
2019 the Cooperative replaced the gates. In the two summers that followed, residents below the dam saw the
river run brown after each opening, and the Friends sued. The district court granted the Friends' motion
for summary judgment on liability and, without a hearing, ordered the gates shut from May to September.

# SUMMARY OF ARGUMENT

The judgment should be reversed for three reasons, each sufficient. The Friends did not prove an injury.
The dam adds nothing to the river. And an injunction does not follow from a violation as a matter of
course.

# ARGUMENT

I. The Friends lack standing. The irreducible constitutional minimum of standing contains three elements:
injury in fact, causation and redressability. Lujan v. Defenders of Wildlife, 504 U.S. 555, 560-61 (1992).
At summary judgment a plaintiff can no longer rest on mere allegations; it must set forth specific facts.
Id. at 561. The Friends offered two affidavits. Mr. Teague has not fished the river since 2016. Ms.
Abiodun "hopes to canoe it again one day". Such some day intentions do not support a finding of actual or
imminent injury. Lujan, 504 U.S. at 564. The Friends rely on Friends of the Earth, Inc. v. Laidlaw
Environmental Services (TOC), Inc., 528 U.S. 167, 181 (2000), but there the affiants used the river and
stopped because of the discharge.

II. The dam adds nothing. The Act forbids the discharge of a pollutant, which it defines as any addition
of a pollutant to navigable waters from any point source. 33 U.S.C. §§ 1311(a) and 1362(12)(A). If one
takes a ladle of soup from a pot, lifts it above the pot, and pours it back, one has not added soup to the
pot. South Florida Water Management District v. Miccosukee Tribe of Indians, 541 U.S. 95, 109-10 (2004).
The silt was in the river above the dam, and it is in the river below. See also Los Angeles County Flood
Control District v. Natural Resources Defense Council, Inc., 568 U.S. 78, 82 (2013).

III. The injunction cannot stand. A plaintiff that seeks a permanent injunction must show irreparable
injury, the inadequacy of damages, a balance of hardships in its favor, and that the public interest would
not be disserved. eBay Inc. v. MercExchange, L.L.C., 547 U.S. 388, 391 (2006). The district court
considered none of the four. That the case concerns the environment changes nothing. Winter v. Natural
Resources Defense Council, Inc., 555 U.S. 7, 22 (2008). Under the Clean Water Act itself a court is not
mechanically obligated to grant an injunction for every violation of law. Weinberger v. Romero-Barcelo,
456 U.S. 305, 313 (1982). Id. at 320.

# CONCLUSION

The judgment should be reversed and the injunction vacated.

# CERTIFICATE OF COMPLIANCE

This brief complies with the type-volume limit of FRAP 32(a)(7)(B) and the typeface requirements of FRAP
32(a)(5) and 32(a)(6).

Dated: August 14, 2023. /s/ Wilhelmina Strand, counsel for appellant.
"""

_OPINION = """
Before OYELARAN, Chief Judge, and PFEIFFER and DUNMORE, Circuit Judges. DUNMORE, Circuit Judge:

A cooperative that owns a dam appeals from an injunction that closes its gates for five months of the
year. We affirm the summary judgment on liability, vacate the injunction, and remand.

# I.

The facts are few and mostly agreed. The Cooperative rebuilt the gates in 2019. The contractor left about
nine thousand cubic yards of fill from the cofferdam in the forebay. When the gates are opened quickly,
some of it goes down the river.

| Opening | Turbidity above, NTU | Turbidity below, NTU |
| June 3, 2020 | 6 | 212 |
| July 19, 2020 | 5 | 188 |
| May 28, 2021 | 8 | 240 |
| August 2, 2021 | 7 | 173 |

# II.

We begin, as we must, with standing. The party invoking federal jurisdiction bears the burden of
establishing it. Lujan v. Defenders of Wildlife, 504 U.S. 555, 561 (1992). Environmental plaintiffs
adequately allege injury in fact when they aver that they use the affected area and are persons for whom
its aesthetic and recreational values will be lessened. Friends of the Earth, Inc. v. Laidlaw
Environmental Services (TOC), Inc., 528 U.S. 167, 183 (2000). If Mr. Teague's and Ms. Abiodun's were the
only affidavits, this would be a close case. But the record has a third: Mr. Iwu, who draws water for
eleven acres of seedlings a quarter mile below the gates, and who stopped after the opening of May 28. The
Cooperative's brief does not mention him. His injury is concrete, traceable and redressable. One is
enough.

# III.

On the merits the Cooperative asks us to follow the soup. The metaphor is older than the case in which the
Supreme Court made it known, South Florida Water Management District v. Miccosukee Tribe of Indians, 541
U.S. 95, 110 (2004), and we have no quarrel with it. If the silt had come down the river, pouring it back
would add nothing. It did not. It is the fill of the Cooperative's own cofferdam, brought by truck. Fill
is a pollutant, 33 U.S.C. § 1362(6), and the Cooperative had no permit under 33 U.S.C. § 1344(a). The
nonmoving party had to come forward with evidence that the silt was the river's. Celotex Corp. v. Catrett,
477 U.S. 317, 324 (1986). It had none. Summary judgment on liability was right.

# IV.

The injunction is another matter. An injunction is an exercise of a court's equitable discretion, and it
does not follow from success on the merits as a matter of course. Weinberger v. Romero-Barcelo, 456 U.S.
305, 313 (1982). The four factors apply in environmental cases as in others. Winter v. Natural Resources
Defense Council, Inc., 555 U.S. 7, 32 (2008); see eBay Inc. v. MercExchange, L.L.C., 547 U.S. 388, 391
(2006). The district court made no findings on any of them. It may be that opening the gates slowly would
do; it may be that the forebay should be dredged. Those are questions for the district court, after a
hearing. Fed. R. Civ. P. 65(d)(1) asks for an order that states its terms specifically and its reasons
too.

# V.

AFFIRMED in part, VACATED in part, and REMANDED. Each side shall bear its own costs. See Fed. R. App. P.
39(a)(4).

PFEIFFER, Circuit Judge, concurring: I join the opinion in full. I write only to note that the Friends may
ask for interim relief on remand, and that Winter, supra, at 20, sets out what they would have to show.
"""

CASE = DemoCase(
    name="Friends of the Silver Hollow (appeal)",
    papers=(
        Paper("01 Brief of Appellant.pdf", "Brief of Appellant", _BRIEF, _CAPTION),
        Paper("02 Opinion.docx", "Opinion", _OPINION, _CAPTION),
    ),
)
