"""A demo case about work: complaint, motion to dismiss and a letter to the court."""

from casemill.local.demo_paper import Caption, DemoCase, Paper

_CAPTION = Caption(
    court="United States District Court for the Southern District of New Avalon",
    parties=("ADAEZE OKAFOR, Plaintiff,", "NORTHLINE FREIGHT SYSTEMS, INC., Defendant."),
    docket="1:23-cv-02240-MBE",
)

_COMPLAINT = """
Plaintiff Adaeze Okafor brings this action against Northline Freight Systems, Inc., and alleges:

# NATURE OF THE ACTION

1. This is an action for retaliation under Title VII of the Civil Rights Act of 1964, 42 U.S.C. §
2000e-3(a), and for unpaid overtime under the Fair Labor Standards Act, 29 U.S.C. § 207(a)(1).

2. The Court has jurisdiction under 28 U.S.C. § 1331.

# FACTS

3. Ms. Okafor began as a dispatcher in Northline's Port Ellery terminal in May 2017 and became night lead
in 2019. Her reviews were "exceeds expectations" in each of four years.

4. On January 11, 2022, she complained in writing to the human resources department that the terminal
manager, Dale Pruitt, assigned the loading dock's worst shifts to the three women on the crew.

5. Nineteen days later she was taken off the lead position. On March 2, 2022, she was moved to the day
shift, although Northline knew that she cares for her father during the day. On April 8, 2022, she was
dismissed for "attendance".

6. Northline paid her as an exempt employee. Her duties as night lead were those of a dispatcher. She
worked the hours in the following table and was paid for forty in each week.

| Week ending | Hours worked | Hours paid | Difference |
| January 8, 2022 | 52.5 | 40 | 12.5 |
| January 15, 2022 | 49.0 | 40 | 9.0 |
| January 22, 2022 | 55.5 | 40 | 15.5 |
| January 29, 2022 | 51.0 | 40 | 11.0 |

# COUNT ONE - RETALIATION

7. Complaining of discrimination to an employer is protected. The loss of the lead position, the change of
shift and the dismissal are each acts that might dissuade a reasonable worker from making a charge.
Burlington Northern & Santa Fe Railway Co. v. White, 548 U.S. 53, 68 (2006). The reason given is a
pretext. See McDonnell Douglas Corp. v. Green, 411 U.S. 792, 804 (1973).

# COUNT TWO - OVERTIME

8. Northline did not pay one and one-half times the regular rate for hours above forty, as 29 U.S.C. §
207(a)(1) requires. Its failure was willful, so that the limitation is three years. 29 U.S.C. § 255(a).

# RELIEF

9. Ms. Okafor asks for back pay, reinstatement or front pay, liquidated damages under 29 U.S.C. § 216(b),
compensatory damages, and fees. She demands a jury under Rule 38(b).

Dated: March 16, 2023. /s/ Benedikt Soares, Harbor Workers Law Project, counsel for plaintiff.
"""

_MOTION = """
Defendant Northline Freight Systems, Inc., moves to dismiss Count One under Fed. R. Civ. P. 12(b)(6) and
to strike paragraph 4 under Rule 12(f).

# STANDARD

A complaint must contain sufficient factual matter, accepted as true, to state a claim to relief that is
plausible on its face. Bell Atlantic Corp. v. Twombly, 550 U.S. 544, 570 (2007). Threadbare recitals of
the elements of a cause of action, supported by mere conclusory statements, do not suffice. Ashcroft v.
Iqbal, 556 U.S. 662, 678 (2009). The plausibility standard is not a probability requirement, but it asks
for more than a sheer possibility that a defendant has acted unlawfully. Id.

# ARGUMENT

I. The complaint does not allege that anyone who made a decision knew of the letter of January 11.
Paragraph 4 says that it went to the human resources department. Paragraph 5 says that things then
happened, in the passive voice. Without knowledge there is no causation, and Title VII retaliation
requires but-for causation. University of Texas Southwestern Medical Center v. Nassar, 570 U.S. 338, 360
(2013).

II. Timing alone is not enough. The cases that accept temporal proximity hold that it must be very close.
Clark County School District v. Breeden, 532 U.S. 268, 273 (2001). Between the letter and the dismissal
lie twelve weeks. Iqbal does not permit the Court to fill them with inference. 556 U.S. at 681.

III. A change of shift is not materially adverse. The standard is objective, and normally petty slights
and minor annoyances will not create such deterrence. Burlington Northern & Santa Fe Railway Co. v. White,
548 U.S. 53, 68 (2006). That the plaintiff cares for a parent during the day was not known to the company,
and the complaint does not say how it would have been.

Plaintiff will rely on Swierkiewicz v. Sorema N.A., 534 U.S. 506, 511 (2002), which held that a complaint
need not plead a prima facie case. But Swierkiewicz did not excuse a plaintiff from pleading facts. See
Twombly, 550 U.S. at 569-70.

# THE MOTION TO STRIKE

The phrase "the loading dock's worst shifts" is immaterial and impertinent. Fed. R. Civ. P. 12(f).

# CONCLUSION

Count One should be dismissed. Northline does not move as to Count Two, which it will defend on the merits
and, when discovery is complete, by a motion for summary judgment.

Dated: May 8, 2023. /s/ Rosalind Achterberg, Achterberg Pell LLP, counsel for defendant.
"""

_LETTER = """
HARBOR WORKERS LAW PROJECT, 12 Chandlery Row, Port Ellery

November 20, 2023

The Honorable M. B. Eastlake, United States District Judge

Re: Okafor v. Northline Freight Systems, Inc., No. 1:23-cv-02240-MBE

Dear Judge Eastlake:

I write for the plaintiff under Local Rule 37.1 about a dispute that counsel have not been able to
resolve, although we spoke for an hour on November 9 and again on November 14.

Plaintiff's second request asks for the messages that Mr. Pruitt and the human resources department
exchanged between January 11 and April 8, 2022. Northline has produced six e-mails and withholds
forty-one. Its log describes all of them in the same words: "communication with legal department regarding
personnel". Rule 26(b)(5)(A) asks for a description that lets the other side assess the claim. This one
does not.

Communications with counsel are privileged where they are made to obtain legal advice. Upjohn Co. v.
United States, 449 U.S. 383, 394 (1981). The privilege protects communications; it does not protect facts.
Id. at 395. Twenty-nine of the forty-one messages were written by Mr. Pruitt to the scheduling desk, with
a lawyer in copy. Sending a copy to a lawyer does not turn a schedule into legal advice.

Northline also calls the messages work product. They were written before any claim was made. Hickman v.
Taylor, 329 U.S. 495, 510-11 (1947), protects what a lawyer prepares in anticipation of litigation, and
Fed. R. Civ. P. 26(b)(3)(A) says the same of a party. A change of shift is not litigation.

We ask for an order under Fed. R. Civ. P. 37(a)(3)(B)(iv) that Northline produce the twenty-nine messages
within seven days and submit the other twelve for review in camera. We do not ask for expenses at this
time.

The close of discovery is December 29, and Northline has said that it will move for summary judgment in
January. The messages go to the one question on which that motion will turn: who knew of the letter, and
when. We are available for a conference on any day of next week except Thursday.

Respectfully, Benedikt Soares

cc: Rosalind Achterberg, counsel for defendant (by electronic filing)

---

# ATTACHMENT - MESSAGES IN DISPUTE BY AUTHOR

| Author | To | Lawyer | Number |
| D. Pruitt | scheduling desk | in copy | 29 |
| D. Pruitt | legal department | addressee | 7 |
| Human resources | legal department | addressee | 5 |
"""

CASE = DemoCase(
    name="Okafor v. Northline Freight Systems",
    papers=(
        Paper("01 Complaint.docx", "Complaint and Jury Demand", _COMPLAINT, _CAPTION),
        Paper("02 Motion to Dismiss.pdf", "Motion to Dismiss", _MOTION, _CAPTION),
        Paper("03 Letter to Judge Eastlake.pdf", "Letter of November 20, 2023", _LETTER),
    ),
)
