"""A spam filter, walked through step by step: from a table of mails to a verdict on new ones.

Run it with `python examples/spam.py`.
"""

from backlit.learn import Problem, Settings, Table, learn, load

problem = Problem("kind", positive="spam")
settings = Settings(hidden=(32,), epochs=30, lr=0.003)

# 4,597 mails: how often each of 48 words and 6 signs occurs, how long the runs of capitals are.
mails = load("spam")
hasty = learn(mails, problem, settings)
print(f"At first sight the filter is right in {hasty.exam.score:.1%} of the test. But:")
for finding in hasty.findings:
    if finding.level != "note":
        print(f"   {finding}")

# An answer that was seen in training is no test. Without the repeated mails, once more:
mails = Table.of(mails.frame.drop_duplicates(), "mails without repeats")
result = learn(mails, problem, settings)
for step in result.steps:
    print(f"\n{step.number}. {step.title}")
    for sentence in step.found:
        print(f"   {sentence}")
    for finding in step.findings:
        if finding.level != "note":
            print(f"   {finding}")

# Two new mails. A frequency is in percent of the mail's words or characters.
empty = {name: 0.0 for name in mails.names if name != "kind"}
calm = {"average": 1.5, "longest": 4, "total": 60}
loud = {"average": 9.0, "longest": 60, "total": 300}
meeting = empty | {f"capital_run_length_{what}": value for what, value in calm.items()}
meeting |= {"word_freq_meeting": 1.5, "word_freq_project": 0.8, "word_freq_re": 0.8}
prize = empty | {f"capital_run_length_{what}": value for what, value in loud.items()}
prize |= {"word_freq_free": 2.0, "word_freq_money": 1.0, "char_freq_!": 1.2}
new = {name: [meeting[name], prize[name]] for name in empty}
answers = result.predict(new)["predicted kind"]
print(f"\nA mail about a meeting is {answers[0]}, one about free money is {answers[1]}.")
george = mails.frame[mails.frame["word_freq_george"] > 0]
welcome = (george["kind"] == "ham").mean()
print(f"But of {len(george)} mails with the word 'george' {welcome:.1%} are ham:")
print("the good mail was one man's, and the filter knows his name. It is a filter for George.")
assert list(answers) == ["ham", "spam"]
