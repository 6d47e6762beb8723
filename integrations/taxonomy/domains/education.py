"""What learning platforms do for a learner."""

from integrations.taxonomy.kind import Kind

EDUCATION = (
    Kind(
        "remind_lesson",
        "Reminds the learner to study: to start, continue or finish a lesson or course.",
        names=("lesson_reminder", "nudge_learner", "study_reminder"),
        says="study reminder; reminds to practise today; continue where you left off; resume the course; "
        "unfinished lesson; nudge; haven't studied for days; time to learn; daily reminder; pick up "
        "again; inactive learner; next lesson is waiting; come back to class; session starts; assignment "
        "due soon; has not opened the app for three days; your lesson is waiting; nudge to continue "
        "module four; practice reminder at the usual hour; finish what you started; course left at 60 "
        "percent; time for today's lesson; start the first lesson; homework due tomorrow; reminds of an "
        "unfinished unit; come back to the course; pick up where they stopped; catch up; evening study "
        "nudge; class begins in an hour; keep going",
    ),
    Kind(
        "protect_streak",
        "Keeps the learner's streak alive although a day was missed, or repairs it.",
        names=("freeze_streak", "repair_streak", "streak_freeze"),
        says="streak freeze; streak repair; streak saver; restores a lost streak; missed day does not break "
        "the streak; weekend amulet; protects the streak; streak shield; recover the run of days; freezes "
        "the streak for a day; missed day is forgiven; restores a 40-day streak; streak insurance; a day "
        "off does not count; streak stays; buys back the streak; weekend pass; streak rescue; protects "
        "against losing the streak",
    ),
    Kind(
        "recommend_course",
        "Suggests a next course, lesson or learning path.",
        names=("course_recommendation", "suggest_course", "suggest_path"),
        says="recommends a course; next course; learning path; what to learn next; suggested modules; related "
        "classes; skills and career; specialisation; programme; follow-up course; curated playlist; based "
        "on interests; track; catalogue; electives; suggests what to learn next; next specialisation; "
        "courses like the one finished; follow-on module; path towards data analyst; picks from the "
        "catalogue that match the goal; recommended classes; level B1 after A2; elective; similar topics; "
        "course that fits the career; advanced course; next unit; other learners took; shows three "
        "courses",
    ),
    Kind(
        "assign_practice",
        "Gives exercises, flashcards or a quiz to practise or revise what is weak.",
        names=("assign_quiz", "give_exercises", "practice_set"),
        says="practice exercises; flashcards; quiz; revision; review weak topics; drill; worksheet; spaced "
        "repetition; remedial; problem set; mock exam; practice test; vocabulary; mistakes; homework; "
        "questions on what they got wrong; warm-up; ten exercises on the words they got wrong; flashcard "
        "deck; extra problems on fractions; quiz on weak topics; review session; spaced repetition of "
        "mistakes; mock test; grammar practice; refresher; revision quiz; repeats what was answered "
        "wrongly; practise speaking; placement test; sample questions; tricky items; recap exercises; "
        "coding exercise",
    ),
    Kind(
        "award_badge",
        "Awards a badge, certificate or achievement for what was reached.",
        names=("give_certificate", "grant_badge", "issue_certificate"),
        says="badge; certificate; achievement; trophy; medal; credential; diploma; recognition; milestone; "
        "digital badge; completion certificate; XP; crown; honour; accomplishment; awarded for finishing; "
        "micro-credential; certificate with the learner's name; PDF certificate; badge for seven days of "
        "study; gold medal; digital credential on LinkedIn; trophy for finishing; Open Badge; achievement "
        "unlocked; statement of accomplishment; laurel; issues a certificate when all modules are passed; "
        "sticker; honours; verifiable ID; award for",
    ),
    Kind(
        "set_goal",
        "Has the learner set or change a goal or study plan.",
        names=("adjust_goal", "plan_goal", "study_plan"),
        says="goal; daily goal; weekly target; study plan; study schedule; learning goal; minutes a day; "
        "commit to; pledge; objective; lower the target; chooses how often; timetable; planner; calendar "
        "blocks; exam date; asks how many minutes a day; picks a weekly target; lowers the daily goal; "
        "builds a study plan until the exam; learner commits to three lessons a week; personal timetable; "
        "plan for the semester; adjusts the target; choose a goal; reminder times; study calendar; sets "
        "an objective; weekly plan; pledge to study; pace; milestones to reach; smaller goal",
    ),
    Kind(
        "offer_tutor",
        "Offers help from a tutor, coach or mentor, one to one.",
        names=("book_tutor", "match_mentor", "offer_coaching"),
        says="tutor; tutoring session; coach; mentor; one-on-one help; one-to-one; private lesson; office "
        "hours with an instructor; teaching assistant; homework help; coaching call; matched with an "
        "expert; counselling; AI tutor; thirty minutes with a tutor; one-to-one coaching; matches with a "
        "mentor; free session with a teacher; live help from an instructor; human tutor; book a coach; "
        "someone explains it; counselling session; mentoring; speaks with a native speaker; personal "
        "trainer; office hour; expert help",
    ),
    Kind(
        "extend_deadline",
        "Gives the learner more time for an assignment, exam or course.",
        names=("deadline_extension", "grant_extension", "reset_deadlines"),
        says="deadline extension; more time; extra days for the assignment; due date moved; late submission; "
        "resets deadlines; course access prolonged; postpones the exam; grace period; second attempt; "
        "reschedules; extends access; flexible dates; later due date; retake; two more weeks for the "
        "essay; moves the due date; extension without penalty; late hand-in allowed; course access for "
        "another month; shifts all deadlines; resets due dates; exam postponed; more time for the "
        "assignment; grace days; extra attempt; new date; pushes the submission date back; extended "
        "enrolment; later cohort; additional time",
    ),
    Kind(
        "send_progress",
        "Shows or sends the learner a report of progress and results.",
        names=("progress_report", "show_progress", "weekly_report"),
        says="progress report; weekly summary; statistics; results; scorecard; dashboard; grades; how far "
        "along; report card; recap; percentile; time spent; learning stats; skills mastered; year in "
        "review; performance; compare with last week; digest of; minutes studied, lessons done and quiz "
        "scores of the week; weekly recap; chart of results; how far you have come; report to the "
        "learner; grade overview; learning statistics; progress bar; monthly summary; skills overview; "
        "transcript; completion rate; compares with last month; your week in numbers; score report; "
        "results of the past week; progress email; learning journey",
    ),
    Kind(
        "join_group",
        "Invites the learner to a study group, class forum or study partner.",
        names=("invite_cohort", "join_forum", "study_group"),
        says="study group; forum; discussion board; peers; study buddy; partner; community; cohort; "
        "classmates; club; Discord or Slack channel; peer review; accountability partner; live "
        "discussion; other learners; team project; invites to a study circle; forum of the course; pairs "
        "with a study partner; peers of the same level; group chat of the class; cohort channel; learning "
        "community; discussion group; book club; peer feedback; accountability buddy; joins classmates; "
        "team of learners; virtual study room; meetup; community space; fellow students",
    ),
    Kind(
        "alert_teacher",
        "Tells a teacher, adviser or parent that the learner needs attention.",
        names=("flag_student", "notify_parent", "notify_teacher"),
        says="alerts the teacher; early alert; notifies the instructor, professor, adviser, counsellor, parent "
        "or guardian; flags at-risk student; falling behind; intervention; outreach by staff; struggling "
        "student; report to faculty; case for student success; risk of dropping out; flags the student to "
        "the adviser; tells the instructor that someone fell behind; notifies parents of missed classes; "
        "early warning; alert to the tutor's dashboard; at-risk list; message to the counsellor; informs "
        "the professor; guardian gets an email; teacher sees who struggles; student support team; faculty "
        "alert; low attendance; risk of failing; asks staff to reach out",
    ),
)
