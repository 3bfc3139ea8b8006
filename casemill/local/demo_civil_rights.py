"""A demo case about the use of force: complaint, motion, opposition and order."""

from casemill.local.demo_paper import Caption, DemoCase, Paper

_CAPTION = Caption(
    court="United States District Court for the District of New Avalon",
    parties=("MARISOL DELACROIX, Plaintiff,", "TOWNSHIP OF MARLOW and OFFICER GRANT TULLEY, Defendants."),
    docket="3:22-cv-01187-RTH",
)

SUMMARY_JUDGMENT_STANDARD = """
Summary judgment is proper when there is no genuine dispute as to any material fact and the movant is
entitled to judgment as a matter of law. Fed. R. Civ. P. 56(a). The moving party bears the initial burden
of showing where the record lacks a genuine dispute. Celotex Corp. v. Catrett, 477 U.S. 317, 323 (1986). A
fact is material if it might affect the outcome under the governing law, and a dispute is genuine if a
reasonable jury could return a verdict for the nonmoving party. Anderson v. Liberty Lobby, Inc., 477 U.S.
242, 248 (1986). The nonmoving party must then do more than raise some metaphysical doubt about the facts.
Matsushita Elec. Indus. Co. v. Zenith Radio Corp., 475 U.S. 574, 586 (1986).
"""

_COMPLAINT = """
Plaintiff Marisol Delacroix, by her counsel, alleges as follows.

# JURISDICTION AND VENUE

1. This action arises under 42 U.S.C. § 1983 and the Fourth Amendment. U.S. Const. amend. IV. The Court
has jurisdiction under 28 U.S.C. §§ 1331 and 1343. Venue is proper under 28 U.S.C. § 1391(b)(2), because
the events took place in Marlow Township.

# PARTIES

2. Marisol Delacroix is a pastry chef who lives at the corner of Tanner Street and Fifth in Marlow. She
was 41 years old at the time of the events and weighed 118 pounds.

3. Defendant Grant Tulley was at all relevant times an officer of the Marlow Police Department and acted
under color of state law. See Monroe v. Pape, 365 U.S. 167, 184 (1961).

4. Defendant Township of Marlow is a municipal corporation. It is responsible for the training,
supervision and discipline of its police officers.

# FACTS

5. On the evening of September 14, 2021, Ms. Delacroix was closing her bakery when Officer Tulley stopped
his cruiser in front of the loading door. A delivery van was parked with two wheels on the sidewalk.

6. Officer Tulley asked for the keys to the van. Ms. Delacroix said that the driver had them and that he
was inside, washing trays. The officer told her to put the tray down. She put it on the bread rack beside
her.

7. Officer Tulley then took hold of her left wrist, turned her against the door and brought her to the
ground. A camera over the loading door recorded the encounter without sound. From the first word to the
fall, eleven seconds pass.

8. Ms. Delacroix suffered a fracture of the left distal radius, which was repaired with a plate and seven
screws, and has lost some of the strength in her grip. She was not charged with any offense.

9. In the three years before these events the Township received nine complaints about takedowns during
traffic and parking stops. It sustained none of them, and it changed nothing in its training.

# COUNT ONE - EXCESSIVE FORCE (OFFICER TULLEY)

10. Whether force is reasonable turns on the severity of the crime, whether the person poses an immediate
threat, and whether she resists or flees. Graham v. Connor, 490 U.S. 386, 396 (1989). The stop concerned a
parked van. Ms. Delacroix threatened nobody, did not resist and did not run. See also Tennessee v. Garner,
471 U.S. 1, 8-9 (1985).

# COUNT TWO - FAILURE TO TRAIN (TOWNSHIP OF MARLOW)

11. A municipality answers under § 1983 for its own policies and customs. Monell v. Department of Social
Services, 436 U.S. 658, 694 (1978). That includes a failure to train that shows deliberate indifference to
the rights of people with whom the police come into contact. City of Canton v. Harris, 489 U.S. 378, 388
(1989).

12. The nine complaints put the Township on notice that its officers used takedown techniques on people
who were suspected of nothing more than a parking violation.

# PRAYER FOR RELIEF

Plaintiff asks for compensatory damages against both defendants, punitive damages against Officer Tulley,
attorney's fees under 42 U.S.C. § 1988(b), and such other relief as is just.

# JURY DEMAND

Plaintiff demands a trial by jury under Fed. R. Civ. P. 38(b).

Dated: August 29, 2022. /s/ Ottoline Marsh, Marsh & Ferreira LLP, counsel for plaintiff.
"""

_MOTION = f"""
Defendants move for summary judgment under Fed. R. Civ. P. 56 and Local Rule 56.1. Officer Tulley is
entitled to qualified immunity, and there is no evidence from which a jury could find that the Township
was deliberately indifferent to anything.

# STATEMENT OF UNDISPUTED FACTS

1. Officer Tulley was on patrol alone. Dispatch had warned of a van of the same color that was wanted in a
hit-and-run on Quarry Road forty minutes earlier. (Tulley Dep. 22:4-23:11.)

2. Ms. Delacroix held a metal tray, 26 inches by 18 inches, when he approached. (Ex. C, video, at 00:03.)

3. He told her twice to put it down. The tray moved toward him before it left her hands. (Id. at 00:06.)

4. The Township requires forty hours of defensive tactics at its academy and eight hours each year after
that. Officer Tulley had completed all of them. (Ex. F, training log.)

# THE STANDARD

{SUMMARY_JUDGMENT_STANDARD.strip()}

# ARGUMENT

I. Officer Tulley is entitled to qualified immunity. Government officials are shielded from damages unless
they violate clearly established rights of which a reasonable person would have known. Harlow v.
Fitzgerald, 457 U.S. 800, 818 (1982). Courts may decide first whether the right was clearly established.
Pearson v. Callahan, 555 U.S. 223, 236 (2009). No decision tells an officer who faces a raised metal tray,
after a report of a hit-and-run, that he may not take hold of a wrist.

Where a video contradicts one party's account, a court does not adopt that account. Scott v. Harris, 550
U.S. 372, 380 (2007). The video shows the tray moving toward the officer. Id. at 381. The question is not
whether another officer would have waited; it is whether this one acted unreasonably in a moment that was
tense and uncertain. Graham v. Connor, 490 U.S. 386, 396-97 (1989).

II. There is no municipal liability. Monell v. Department of Social Services, 436 U.S. 658, 691 (1978),
rejects liability for the mere employment of a wrongdoer. Nine complaints in three years, among more than
eleven thousand stops, are not notice of anything. To be deliberately indifferent a township must
disregard a known or obvious consequence. See City of Canton v. Harris, 489 U.S. 378, 389 (1989). Training
that meets the state's standard is the opposite.

# CONCLUSION

The motion for summary judgment should be granted on both counts.

Dated: June 5, 2023. /s/ Percival Ngata, Township Solicitor, counsel for defendants.
"""

_OPPOSITION = """
The defendants' motion depends on reading eleven seconds of silent video in the light most favorable to
the defendants. The rule is the other way around. Tolan v. Cotton, 572 U.S. 650, 656-57 (2014).

# COUNTERSTATEMENT OF FACTS

The parties agree on the video and on little else. The table sets out what each witness says happened in
the seconds that matter.

| Second | Officer Tulley | Ms. Delacroix | Mr. Okonjo, driver |
| 00:03 | She raised the tray | I was carrying it | She was carrying the tray |
| 00:06 | The tray came at me | I turned to the rack | She turned to the rack |
| 00:08 | She pulled away | He had my wrist | He had her wrist |
| 00:11 | She went down | He threw me down | He swung her around |

# ARGUMENT

I. A jury must decide what the tray was doing. Credibility determinations, the weighing of the evidence,
and the drawing of legitimate inferences from the facts are jury functions, not those of a judge. Anderson
v. Liberty Lobby, Inc., 477 U.S. 242, 255 (1986). The evidence of the nonmovant is to be believed. Id. The
court must disregard all evidence favorable to the moving party that the jury is not required to believe.
Reeves v. Sanderson Plumbing Products, Inc., 530 U.S. 133, 151 (2000).

Scott v. Harris, 550 U.S. 372 (2007), does not help. There the video utterly discredited one account. Here
it shows a woman turning to a bread rack. Two eyewitnesses say so. Only Officer Tulley says otherwise.

II. The right was clearly established. Every one of the factors in Graham v. Connor, 490 U.S. 386, 396
(1989), favors Ms. Delacroix. The offense was a parking violation. She threatened no one. She did what she
was told to do, and was thrown to the ground three seconds later. Officials can be on notice that their
conduct violates the law even in novel factual circumstances. Hope v. Pelzer, 536 U.S. 730, 741 (2002).

III. The Township knew. Nine complaints described the same takedown, and the Township's own training
officer wrote in 2020 that patrol "reaches for the wrist before it reaches for words" (Ex. 14). Under City
of Canton v. Harris, 489 U.S. 378, 390 (1989), that is enough for a jury. See also Connick v.
Thompson, 563 U.S. 51, 61 (2011); Canton, supra, at 389.

# CONCLUSION

Summary judgment should be denied.

Dated: July 10, 2023. /s/ Ottoline Marsh, Marsh & Ferreira LLP, counsel for plaintiff.
"""

_ORDER = f"""
Before the Court is the defendants' motion for summary judgment. The Court heard argument on September 21,
2023. For the reasons that follow, the motion is denied as to Officer Tulley and granted as to the
Township.

# BACKGROUND

The facts are taken in the light most favorable to Ms. Delacroix. She was closing her bakery when Officer
Tulley asked for the keys to a van that stood on the sidewalk. She held a metal tray. He told her to put
it down. What she did with the tray is the heart of the case, and the parties do not agree on it.

# LEGAL STANDARD

{SUMMARY_JUDGMENT_STANDARD.strip()}

# DISCUSSION

A. Officer Tulley. The Court has watched the video many times. It does not blatantly contradict the
plaintiff, as the video in Scott v. Harris, 550 U.S. 372, 380 (2007), did. At the sixth second the tray is
hidden by the officer's shoulder. A jury could find that Ms. Delacroix was turning to the rack; it could
also find that she was not. That is a genuine dispute, and it is material, because the factors in Graham
v. Connor, 490 U.S. 386, 396 (1989), depend on it. Id. at 397.

Qualified immunity does not change the result. On the plaintiff's account she was suspected of a parking
violation, offered no resistance, and was complying when she was thrown. It has long been clear that force
is not reasonable against such a person. See Tolan v. Cotton, 572 U.S. 650, 656 (2014). Whether the
account is true is for the jury. Anderson, 477 U.S. at 255.

B. The Township. A municipality is liable for a failure to train only where it amounts to deliberate
indifference. City of Canton v. Harris, 489 U.S. 378, 388 (1989). The complaints are the plaintiff's only
evidence of notice. Seven of the nine concerned arrests for violent offenses. The two that remain, in
three years, would not allow a jury to find an obvious need for other training. Celotex, 477 U.S. at 325.

# ORDER

It is ORDERED that the motion for summary judgment is GRANTED as to Count Two and DENIED as to Count One.
Trial on Count One is set for February 26, 2024. The parties shall file their joint pretrial statement
under Local Rule 16.1 by January 29, 2024.

Dated: October 30, 2023. R. T. Halloran, United States District Judge.
"""

CASE = DemoCase(
    name="Delacroix v. Township of Marlow",
    papers=(
        Paper("01 Complaint.pdf", "Complaint", _COMPLAINT, _CAPTION),
        Paper("02 Motion for Summary Judgment.pdf", "Motion for Summary Judgment", _MOTION, _CAPTION),
        Paper("03 Opposition.docx", "Memorandum in Opposition to Summary Judgment", _OPPOSITION, _CAPTION),
        Paper("04 Order.pdf", "Memorandum and Order", _ORDER, _CAPTION),
    ),
)
