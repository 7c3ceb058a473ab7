"""The walk from a raw table to an honest prediction: each step in order, on one record that grows.
It computes and words; the terminal, the page and the run folder render what it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..study.findings import Finding
from .checks.context import Check, Context, Part
from .extras import Plane, collect
from .numerals import amount, typed
from .report.words import times
from .result import Exam, Result, Step, Verdict
from .telling import WORDS

if TYPE_CHECKING:
    from .. import nn
    from .data.preparation import Preparation
    from .data.splitting import Parts
    from .data.table import Table
    from .models.candidate import Candidate
    from .models.loop import Epoch, Fit
    from .models.metrics import Metric
    from .models.tasks import Classification, Regression
    from .problem import Problem


FALLBACK = 1e-3
"""Adam's learning rate where the finder saw no rate at which the loss falls."""


class Listener(Protocol):
    """Who is told how the walk goes on."""

    def step(self, step: Step) -> None:
        """A step has been taken."""
        ...

    def progress(
        self, epochs: int, score_name: str
    ) -> AbstractContextManager[Callable[[Epoch], object]]:
        """Training begins: what is entered is called after each epoch."""
        ...


class Silent:
    """A listener that says nothing."""

    def step(self, step: Step) -> None:
        """Say nothing."""

    def progress(
        self, epochs: int, score_name: str
    ) -> AbstractContextManager[Callable[[Epoch], object]]:
        """Say nothing."""
        return nullcontext(lambda epoch: None)


@dataclass(frozen=True)
class Settings:
    """How the network is made and trained; the walk infers nothing here but the learning rate."""

    hidden: tuple[int, ...] = (64,)
    epochs: int = 200
    lr: float | None = None
    """None: the learning-rate finder's."""
    batch_size: int = 32
    patience: int | None = 10
    seed: int = 0


def learn(
    table: Table,
    problem: Problem | str,
    settings: Settings | None = None,
    *,
    limits: Mapping[str, float] | None = None,
    listener: Listener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint: str | Path | None = None,
    looks: int = 1,
    command: str = "",
    image_shape: tuple[int, int] | None = None,
    build: Callable[[int, int], Any] | None = None,
) -> Result:
    """Walk from a table to a tested prediction, and say at each step what was found.

    The rows are split 60/20/20. Everything is fitted on the training part and chosen by the
    validation part; the test part is looked at once, when the verdict stands. The same arguments
    give the same bits.

    Parameters
    ----------
    table : rows and columns, `Table.read("customers.csv")`.
    problem : the question; a name alone is its target.
    settings : of the network; by default 64 hidden units, Adam, early stopping.
    limits : other values for some of `backlit.learn.checks.rules.LIMITS`, by name.
    listener : is told of each step and each epoch.
    should_stop : is asked all 20 ms of training; True ends it with the best weights so far.
    checkpoint : a file that training goes on from after a kill.
    looks : how often this test part will then have been looked at.
    command : what repeats this run, for the report.
    image_shape : (height, width) where the columns but the target are the pixels of a picture, all
        in one unit.
    build : build(inputs, outputs) -> a network of your own in the place of the walk's.

    Raises LearnError for what the user can mend: a target that does not exist, a class with too
    few rows, cells that are no numbers.

    >>> from backlit.learn import Problem, load
    >>> result = learn(load("moons"), Problem("class"), Settings((16,), epochs=5))
    >>> [step.key for step in result.steps][:3], result.exam.looks
    (['problem', 'table', 'split'], 1)
    """
    from .problem import Problem

    question = Problem(problem) if isinstance(problem, str) else problem
    walk = _Walk(
        table, question, settings or Settings(), limits or {}, listener or Silent(), should_stop,
        checkpoint, looks, image_shape, build,
    )  # fmt: skip
    return walk.go(command)


class _Walk:
    """One walk: the record, and what has been said so far."""

    def __init__(
        self, table: Table, problem: Problem, settings: Settings, limits: Mapping[str, float],
        listener: Listener, should_stop: Callable[[], bool], checkpoint: str | Path | None,
        looks: int, image_shape: tuple[int, int] | None, build: Callable[[int, int], Any] | None,
    ) -> None:  # fmt: skip
        from .checks import catalogue
        from .models.networks import parameters_of, refuse_giants

        refuse_giants(parameters_of((1, *settings.hidden, 1)))  # before anything is computed
        self.table, self.asked, self.settings = table, problem, settings
        self.listener, self.should_stop, self.checkpoint = listener, should_stop, checkpoint
        self.looks, self.image_shape, self.own = looks, image_shape, build
        self.checks = catalogue
        self.limits = catalogue.limits_with(limits)
        self.steps: list[Step] = []
        self.extras: dict[str, Any] = {}
        self.context: Context
        # what the context has from some step on, without the "or None"
        self.parts: Parts
        self.preparation: Preparation
        self.task: Classification | Regression
        self.train: Part
        self.validation: Part
        self.build: Callable[[], nn.Module]

    def go(self, command: str) -> Result:
        """All steps in order."""
        from .versions import versions

        self.problem()
        self.prepare()
        self.models()
        self.untrained()
        self.loss()
        fit = self.optimise()
        verdict = self.verdict()
        exam = self.trust(verdict, fit)
        return Result(
            context=self.context,
            steps=tuple(self.steps),
            exam=exam,
            verdict=verdict,
            command=command,
            settings=self.described(),
            versions=versions(),
            sha256=self.table.sha256,
            extras=self.extras,
        )

    # -- the steps

    def problem(self) -> None:
        """Step 1: what is asked."""
        from .checks.memory import within_memory
        from .data.inference import inferred, settle, with_target

        problem, whole, seed = settle(self.asked, self.table), self.table, self.settings.seed
        self.table = within_memory(with_target(problem, whole), problem, seed, self.limits)
        self.context = Context(self.table, problem, seed, limits=self.limits)
        goal = "tell its classes apart" if problem.task == "classification" else "predict it"
        found = [f"the target is {problem.target!r}: to {goal}, judged by {self.metric.words}"]
        found += inferred(self.asked, problem, whole)
        self.say("problem", found, ["every model is judged by this, and the baseline first"])

    def prepare(self) -> None:
        """Steps 2 and 3: the table, its parts, and what is worked out from the training part."""
        from .data.preparation import Preparation
        from .data.splitting import split
        from .models.tasks import Classification, Regression

        table, problem, seed = self.table, self.context.problem, self.settings.seed
        at_table = self.ran(self.checks.TABLE)
        parts = split(table, problem, seed)
        preparation = Preparation.fit(
            table, problem, parts.train, shared=self.image_shape is not None
        )
        truth = preparation.truth(table)
        classify = problem.task == "classification"
        task = (
            Classification(preparation.classes, truth[parts.train])
            if classify
            else Regression(truth[parts.train])
        )
        matrix = preparation.matrix(table)

        def part(rows: np.ndarray) -> Part:
            return Part(matrix[rows], task.target(truth[rows]), truth[rows], rows)

        self.parts, self.preparation, self.task = parts, preparation, task
        self.train, self.validation = part(parts.train), part(parts.validation)
        self.context = replace(
            self.context, parts=parts, preparation=preparation, task=task, train=self.train,
            validation=self.validation, batch_size=self.settings.batch_size,
        )  # fmt: skip
        self.say(
            "table",
            [f"{table.rows:,} rows, {len(table.names)} columns", *table.notes],
            [change.sentence for change in preparation.changes]
            + [f"{len(preparation.names)} inputs, worked out from the training rows alone"],
            at_table,
        )
        train, validation, test = parts.sizes
        self.say(
            "split",
            [f"{train:,} training · {validation:,} validation · {test:,} test rows, {parts.how}"],
            ["the test part is sealed until the verdict"],
            self.ran(self.checks.SPLIT),
        )

    def models(self) -> None:
        """Step 4: what a network has to beat."""
        from .models.baselines import fit_simple

        context = self.context
        simple = fit_simple(
            context.problem, self.task, self.train, self.validation, self.metric,
            self.preparation.names, context.seed,
        )  # fmt: skip
        self.context = replace(context, candidates=simple)
        self.say(
            "models",
            [self.scored(each) for each in simple],
            ["a network comes next, and has to win by more than the noise"],
            self.ran(self.checks.MODELS),
        )

    def untrained(self) -> None:
        """Step 5: the network before it has learned anything."""
        from .models.networks import build, describe

        context, settings = self.context, self.settings
        inputs, outputs = len(self.preparation.names), self.task.outputs
        make = (
            partial(build, inputs, settings.hidden, outputs, settings.seed)
            if self.own is None
            else partial(self.own, inputs, outputs)
        )
        self.build = make
        self.context = replace(context, build=make)
        self.say(
            "untrained",
            [f"a network {describe(make())}, with random weights"],
            ["its loss was compared with what knowing nothing must cost"],
            self.ran(self.checks.UNTRAINED),
        )

    def loss(self) -> None:
        """Step 6: the loss, and whether anything can be learned by it."""
        self.choose_rate()
        self.say(
            "loss",
            [f"the loss is {self.task.loss_name}"],
            ["two short trainings on fresh networks: one batch, and rows without their inputs"],
            self.ran(self.checks.LOSS),
        )

    def choose_rate(self) -> None:
        """The learning rate that was given, or the finder's."""
        from .models.finder import find_rate

        settings, context = self.settings, self.context
        if settings.lr is not None:
            self.context = replace(context, lr=settings.lr)
            self.rate_words = f"Adam at a learning rate of {typed(settings.lr)}, as given"
            return
        found = find_rate(
            self.build, self.task, self.train,
            batch_size=settings.batch_size, seed=settings.seed,
        )  # fmt: skip
        self.extras["lr_finder"] = {
            "rates": found.rates, "losses": found.losses, "suggestion": found.suggestion,
            "sentence": found.sentence,
        }  # fmt: skip
        self.context = replace(context, lr=found.suggestion or FALLBACK)
        self.rate_words = found.sentence

    def optimise(self) -> Fit:
        """Step 7: training."""
        from .models.baselines import candidate_of
        from .models.loop import outputs_of, train
        from .models.networks import describe

        context, settings, metric = self.context, self.settings, self.metric
        score = partial(metric.score, positive=self.positive)
        task, model = self.task, self.build()
        frames = None
        if Plane.fits(context) and not (self.checkpoint and Path(self.checkpoint).exists()):
            frames = Plane(context, lambda X: task.probabilities(outputs_of(model, X)))

        def after(epoch: Epoch) -> None:
            on_epoch(epoch)
            if frames is not None:
                frames(epoch)

        with self.listener.progress(settings.epochs, metric.title) as on_epoch:
            fit = train(
                model, task, self.train, self.validation,
                epochs=settings.epochs, lr=context.lr, batch_size=settings.batch_size,
                seed=settings.seed, patience=settings.patience, score=score, on_epoch=after,
                should_stop=self.should_stop, checkpoint=self.checkpoint,
            )  # fmt: skip
        if frames is not None:
            self.extras["plane_frames"] = frames.done(fit.best)
        network = candidate_of(
            "network", describe(fit.model), lambda X: task.probabilities(fit.outputs(X)),
            self.train, self.validation, metric, self.positive, context.seed, fit.model,
        )  # fmt: skip
        self.context = replace(context, fit=fit, candidates=(*context.candidates, network))
        first, best = fit.history[0], fit.best_epoch
        found = [
            f"{len(fit.history) - 1} epochs of {fit.batches} updates",
            f"validation loss {amount(first.validation_loss, 4)} untrained, "
            f"{amount(best.validation_loss, 4)} in the best epoch, {fit.best}",
            self.scored(network),
        ]
        did = [self.rate_words, *([fit.message] if fit.message else [])]
        did.append(f"the weights of epoch {fit.best} were kept")
        self.say("optimise", found, did, self.ran(self.checks.OPTIMISE))
        return fit

    def verdict(self) -> Verdict:
        """Step 8: whether it generalises, and what to use."""
        from .checks.verdict import judge
        from .models.recommending import recommend

        context = self.context
        code, headline, reasons, findings, coming = judge(context, self.found)
        chosen, sentence = recommend(
            context.candidates, self.validation, self.metric, self.positive, context.seed
        )  # fmt: skip
        verdict = Verdict(code, headline, tuple(reasons), chosen, tuple(coming))
        told = {finding.sentence for finding in (*self.found, *findings)}  # is not said again
        news = [reason for reason in reasons if reason not in told]
        self.say("verdict", [headline, *news], [sentence], findings)
        return verdict

    def trust(self, verdict: Verdict, fit: Fit) -> Exam:
        """Step 9: for whom it is wrong, how sure it is; then the test part, once."""
        findings = self.ran(self.checks.TRUST)
        self.extras |= collect(
            self.context, verdict.recommended, self.metric, self.positive, self.image_shape
        )
        exam = self.examine(verdict.recommended)
        found = [
            f"the test part, {len(exam.rows):,} rows, looked at {times(exam.looks)}: "
            f"{self.metric.title} {self.metric.text(exam.score)}, 95 % interval "
            f"{self.metric.ends(exam.interval)}; the baseline's is "
            f"{self.metric.text(exam.baseline_score)}"
        ]
        found += self.unseen_words(exam)
        did = [f"{verdict.recommended.name}: {verdict.recommended.described}"]
        did += self.cost_words(verdict.recommended)
        self.say("trust", found, did, findings)
        return exam

    def examine(self, candidate: Candidate) -> Exam:
        """The one look at the test part."""
        context, metric = self.context, self.metric
        rows = self.parts.test
        part = self.table.take(rows)
        X, truth = self.preparation.matrix(part), self.preparation.truth(part)
        outputs = candidate.outputs(X)
        baseline = context.candidates[0].outputs(X)
        predicted = outputs.argmax(axis=1) if outputs.ndim == 2 else outputs
        return Exam(
            rows=rows,
            truth=truth,
            outputs=outputs,
            predicted=predicted,
            score=metric.score(truth, outputs, self.positive),
            interval=metric.interval(truth, outputs, context.seed, self.positive),
            baseline_score=metric.score(truth, baseline, self.positive),
            looks=self.looks,
        )

    def unseen_words(self, exam: Exam) -> list[str]:
        """The score on test rows that do not stand in the training part, where some do."""
        from .checks.duplicates import unseen

        fresh = np.isin(exam.rows, unseen(self.context, "test"))
        if fresh.all() or not fresh.any():
            return []
        truth, outputs = exam.truth[fresh], exam.outputs[fresh]
        score = self.metric.score(truth, outputs, self.positive)
        interval = self.metric.interval(truth, outputs, self.context.seed, self.positive)
        self.extras["unseen"] = {"rows": int(fresh.sum()), "score": score, "interval": interval}
        return [
            f"on the {int(fresh.sum()):,} test rows that do not stand in the training part as well "
            f"it is {self.metric.text(score)}, 95 % interval {self.metric.ends(interval)}: that "
            f"is the "
            "honest number"
        ]

    def cost_words(self, candidate: Candidate) -> list[str]:
        """What mistakes cost on the validation part, where costs were given."""
        costs, classes = self.context.problem.cost, self.preparation.classes
        if not costs or not classes:
            return []
        table = np.array([[costs.get((t, p), 0.0) for p in classes] for t in classes])
        truth, X = self.validation.truth, self.validation.X
        mine, constant = (
            float(table[truth, each.outputs(X).argmax(axis=1)].mean())
            for each in (candidate, self.context.candidates[0])
        )
        return [
            f"by the costs that were given, a validation row on average costs {amount(mine)} with "
            f"it, {amount(constant)} with the baseline, if each is taken for its likeliest class"
        ]

    # -- saying it

    @property
    def found(self) -> list[Finding]:
        """Of all steps so far."""
        return [finding for step in self.steps for finding in step.findings]

    @property
    def metric(self) -> Metric:
        """What everything is judged by."""
        from .models.metrics import METRICS as KNOWN

        return KNOWN[self.context.problem.metric or "accuracy"]

    @property
    def positive(self) -> int | None:
        """The number of the class that is looked for, of two."""
        from .models.baselines import positive_number

        preparation = self.context.preparation
        return positive_number(self.context.problem, preparation.classes if preparation else ())

    def scored(self, candidate: Candidate) -> str:
        """A model and its score, in a sentence."""
        metric = self.metric
        score, train = (
            metric.text(metric.signed(s)) for s in (candidate.score, candidate.train_score)
        )
        return (
            f"{candidate.name} ({candidate.described}): {metric.title} {score} in validation, 95 % "
            f"interval {metric.ends(metric.signed_interval(candidate.interval))}, {train} in "
            f"training"
        )

    def ran(self, checks: tuple[Check, ...]) -> list[Finding]:
        """What some checks find."""
        return [finding for check in checks for finding in check(self.context)]

    def say(
        self, key: str, found: list[str], did: list[str], findings: list[Finding] | None = None
    ) -> None:
        """Write a step down, and tell who listens."""
        words = WORDS[key]
        step = Step(
            len(self.steps) + 1, key, words.title, tuple(found), tuple(did), words.why, words.more,
            tuple(findings or ()),
        )  # fmt: skip
        self.steps.append(step)
        self.listener.step(step)

    def described(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        settings, context = self.settings, self.context
        return {
            "hidden": list(settings.hidden),
            "epochs": settings.epochs,
            "lr": context.lr,
            "batch_size": settings.batch_size,
            "patience": settings.patience,
            "seed": settings.seed,
            "metric": context.problem.metric,
        }
