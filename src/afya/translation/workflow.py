"""The agentic workflow: spot terms, draft with hints, criticise, revise, verify, and send each text where it belongs.

A language model may be wrong, lazy or misled by the text it reads. So nothing a model says is taken on trust: replies
are taken in one shape only, a critique that did not come counts against the text, a revision that fails an integrity
check which the text passed before is not taken, and of all candidates the one with the fewest faults is kept. Every
step stays in the provenance.

The stages run over all texts at once, so that an endpoint is asked for many at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from afya.datafiles import validate
from afya.errors import ConfigError
from afya.languages import language
from afya.models.base import LanguageModel
from afya.translation import guard
from afya.translation.asking import Again, Step, ask
from afya.translation.base import EngineIdentity, Hint, Translator
from afya.translation.checks.verdict import Verdict
from afya.translation.findings import Finding, MalformedError, read_findings, read_revision, worst_severity
from afya.translation.routing import Route, Routing, worst
from afya.translation.segments import wordless
from afya.translation.workflow_prompts import Material, Prompter, identifier
from afya.translation.workflow_recipe import ModelSpec, WorkflowRecipe

if TYPE_CHECKING:
    from afya.translation.checks import Checker
    from afya.translation.glossary import Glossary


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text's translation and where it goes. `identity`: that of the engine, and of the reviser that mended it."""

    text: str | None
    error: str | None
    route: Route
    steps: tuple[Step, ...]
    identity: EngineIdentity | None = None

    def provenance(self) -> tuple[Step, ...]:
        """The steps, in the order in which they were done."""
        return self.steps


@dataclass(slots=True)
class _Candidate:
    """One version of a translation and what is known of it."""

    text: str
    identity: EngineIdentity
    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] | None = None
    critique_failed: bool = False

    def doubt(self) -> int:
        """How bad the critic's word is: nothing found, not asked, minor, major or not to be had, critical."""
        if self.critique_failed:
            return 3
        if self.findings is None:
            return 1
        severity = worst_severity(self.findings)
        return severity + 1 if severity else 0


@dataclass(slots=True)
class _Job:
    """One text under way."""

    text: str
    context: str | None
    hints: tuple[Hint, ...] = ()
    candidates: list[_Candidate] = field(default_factory=list)
    current: _Candidate | None = None
    error: str | None = None
    steps: list[Step] = field(default_factory=list)
    settled: bool = False


class Workflow:
    """A recipe with its models, ready to translate.

    Args:
        critic, reviser: the models; None where the recipe has no such stage.
        draft, second_draft: engines of the recipe's own; without `draft` the translator given to `run` drafts.

    Raises:
        ConfigError: the recipe names a stage whose model is not given.
    """

    def __init__(
        self,
        recipe: WorkflowRecipe,
        *,
        critic: LanguageModel | None = None,
        reviser: LanguageModel | None = None,
        draft: Translator | None = None,
        second_draft: Translator | None = None,
    ) -> None:
        given = {"critic": critic, "reviser": reviser, "draft": draft, "second_draft": second_draft}
        for name, value in given.items():
            if getattr(recipe, name) is not None and value is None:
                raise ConfigError(f"The workflow '{recipe.name}' has a {name}, but none was loaded.")
        self.recipe = recipe
        self.critic, self.reviser = critic, reviser
        self.draft, self.second_draft = draft, second_draft

    @classmethod
    def load(cls, recipe: WorkflowRecipe) -> Workflow:
        """The recipe with its models and engines loaded.

        Raises:
            ConfigError: a spec or a setting is not known. EngineError: a model cannot be loaded.
        """
        from afya.models.load import load_model
        from afya.translation.load import load_translator

        def model(spec: ModelSpec | None) -> LanguageModel | None:
            return None if spec is None else load_model(spec.model, **spec.options)

        drafts = {
            name: None if spec is None else load_translator(spec.engine, **spec.options)
            for name, spec in (("draft", recipe.draft), ("second_draft", recipe.second_draft))
        }
        return cls(recipe, critic=model(recipe.critic), reviser=model(recipe.reviser), **drafts)

    def run(
        self,
        texts: Sequence[str],
        source: str,
        target: str,
        translator: Translator | None = None,
        *,
        checker: Checker | None = None,
        glossary: Glossary | None = None,
        routing: Routing | None = None,
        contexts: Sequence[str | None] | None = None,
    ) -> list[Outcome]:
        """One outcome a text, in their order.

        `contexts`: for each text what it belongs to (an option's question), shown to critic and reviser only.

        Raises:
            ConfigError: there is no engine to draft, or it lacks the pair.
            EngineError: a model cannot be asked at all (one that answers nonsense is no error).
            ValueError: `contexts` are not as many as the texts.
        """
        engine = self.draft or translator
        if engine is None:
            raise ConfigError(
                f"The workflow '{self.recipe.name}' has no engine to draft with.",
                hint="Name one in the recipe under draft, or with --engine.",
            )
        around = contexts if contexts is not None else [None] * len(texts)
        jobs = [_Job(text, context) for text, context in zip(texts, around, strict=True)]
        run = _Run(self, language(source).code, language(target).code, checker, routing or Routing())
        if glossary is not None and self.recipe.hints:
            run.spot(jobs, glossary)
        run.cycle(jobs, engine)
        for _ in range(self.recipe.retries):
            again = [job for job in jobs if run.route(job) != "publish"]
            if not again:
                break
            for job in again:
                job.steps.append({"stage": "retry", "route": run.route(job)})
            run.cycle(again, self.second_draft or engine)
        return [run.outcome(job) for job in jobs]

    def close(self) -> None:
        """Let go of the models and engines that the recipe named."""
        for part in (self.draft, self.second_draft, self.critic, self.reviser):
            # Models without connections have nothing to close.
            close = getattr(part, "close", None)
            if close is not None:
                close()


def load_workflow(settings: Mapping[str, object]) -> Workflow:
    """The workflow that a part of another recipe describes. Raises ConfigError naming every wrong key."""
    return Workflow.load(validate(dict(settings), WorkflowRecipe, "the workflow"))


class _Run:
    """The stages, over the texts of one direction."""

    def __init__(self, workflow: Workflow, source: str, target: str, checker: Checker | None, routing: Routing) -> None:
        self.workflow, self.recipe = workflow, workflow.recipe
        self.source, self.target = source, target
        self.checker = checker if workflow.recipe.verify.checks else None
        self.routing = routing
        self.prompter = Prompter(workflow.recipe.prompt_language, source, target)

    def spot(self, jobs: Sequence[_Job], glossary: Glossary) -> None:
        for job in jobs:
            job.hints = tuple(glossary.hints(job.text, self.source, self.target))
            if job.hints:
                told = [{"source": hint.source, "target": hint.target} for hint in job.hints]
                job.steps.append({"stage": "hints", "hints": told})

    def cycle(self, jobs: Sequence[_Job], engine: Translator) -> None:
        """One attempt from the draft on; what it gave is compared with what was there before."""
        earlier = [job.current for job in jobs]
        self.drafted(jobs, engine)
        for number in range(1, self.recipe.rounds + 1):
            open_jobs = [job for job in jobs if job.current is not None and not job.settled]
            self.criticised(open_jobs, number)
            for job in open_jobs:
                job.settled = not self.wants_revision(job)
            self.revised([job for job in open_jobs if not job.settled], number)
        if self.recipe.verify.critique:
            unread = [job for job in jobs if job.current is not None and not job.current.critique_failed]
            self.criticised(unread, self.recipe.rounds + 1)
        for job, before in zip(jobs, earlier, strict=True):
            listed = job.candidates if before is None else [before, *job.candidates]
            # Of equals the latest: a revision answers what was found in the text before it.
            job.current = min(reversed(listed), key=self.rank, default=before)
            if job.current is not None:
                job.error = None

    def drafted(self, jobs: Sequence[_Job], engine: Translator) -> None:
        hints = [job.hints for job in jobs] if engine.uses_hints else None
        answers = guard.translate(engine, [job.text for job in jobs], self.source, self.target, hints=hints)
        for job, answer in zip(jobs, answers, strict=True):
            step: Step = {"stage": "draft", "engine": engine.identity.name}
            job.candidates, job.settled, job.current = [], False, None
            if answer.error is not None:
                job.error = answer.error
                job.steps.append({**step, "error": answer.error})
                continue
            job.current = _Candidate(answer.text, engine.identity)
            if wordless(job.text):
                # "38.5" stays what it is: no critic is asked about it, and no reviser.
                job.current.findings, job.settled = (), True
            job.candidates.append(job.current)
            job.steps.append({**step, "text": answer.text, **_known(score=answer.score, note=answer.note)})
        self.verified([job for job in jobs if job.current is not None])

    def verified(self, jobs: Sequence[_Job]) -> None:
        if self.checker is None or not jobs:
            return
        texts = [job.candidates[-1].text for job in jobs]
        listed = self.checker.check_pairs([job.text for job in jobs], texts)
        for job, verdicts in zip(jobs, listed, strict=True):
            job.candidates[-1].verdicts = tuple(verdicts)
            job.steps.append({"stage": "verify", "verdicts": [_verdict(verdict) for verdict in verdicts]})

    def criticised(self, jobs: Sequence[_Job], number: int) -> None:
        model, spec = self.workflow.critic, self.recipe.critic
        if model is None or spec is None:
            return
        pairs = [(job, job.current) for job in jobs if job.current is not None and job.current.findings is None]
        materials = [Material(job.text, current.text, job.context, job.hints) for job, current in pairs]
        idents = [identifier(self.recipe.seed + number, "critique", material) for material in materials]

        def read(index: int, reply: str) -> tuple[Finding, ...]:
            return read_findings(reply, idents[index], materials[index].source, materials[index].translation)

        prompts = [self.prompter.critique(*pair) for pair in zip(idents, materials, strict=True)]
        answers = ask(model, spec, prompts, read, self.again(idents), self.recipe)
        for (job, current), asked in zip(pairs, answers, strict=True):
            step: Step = {"stage": "critique", "engine": model.identity.name, "round": number}
            if asked.malformed:
                step["malformed"] = list(asked.malformed)
            if asked.answer is None:
                current.critique_failed = True
                job.steps.append({**step, "error": "no critique in the shape that was asked for"})
                continue
            current.findings, current.critique_failed = asked.answer, False
            job.steps.append({**step, "findings": [finding.as_json() for finding in asked.answer]})

    def wants_revision(self, job: _Job) -> bool:
        current = job.current
        if current is None:
            return False
        return bool(self.routing.failures(current.verdicts)) or bool(self.given_findings(current))

    def given_findings(self, current: _Candidate) -> tuple[Finding, ...]:
        return tuple(one for one in current.findings or () if worst_severity([one]) >= self.recipe.revise_rank)

    def revised(self, jobs: Sequence[_Job], number: int) -> None:
        model, spec = self.workflow.reviser, self.recipe.reviser
        if model is None or spec is None:
            return
        pairs = [(job, job.current) for job in jobs if job.current is not None]
        materials = [
            Material(job.text, now.text, job.context, job.hints, self.given_findings(now), _failed(now.verdicts))
            for job, now in pairs
        ]
        idents = [identifier(self.recipe.seed + number, "revise", material) for material in materials]

        def read(index: int, reply: str) -> str:
            text = read_revision(reply, idents[index])
            if len(text) > guard.MAX_RATIO * len(materials[index].source) + 200:
                raise MalformedError(f"the translation has {len(text)} characters")
            return text

        prompts = [self.prompter.revise(*pair) for pair in zip(idents, materials, strict=True)]
        made: list[tuple[_Job, _Candidate, Step]] = []
        answers = ask(model, spec, prompts, read, self.again(idents), self.recipe)
        for (job, current), asked in zip(pairs, answers, strict=True):
            step: Step = {"stage": "revise", "engine": model.identity.name, "round": number}
            job.steps.append(step)
            if asked.malformed:
                step["malformed"] = list(asked.malformed)
            if asked.answer is None:
                step["error"] = "no revision in the shape that was asked for"
            elif asked.answer == current.text:
                step |= {"text": asked.answer, "taken": False, "why": "nothing was changed"}
            else:
                step["text"] = asked.answer
                job.candidates.append(_Candidate(asked.answer, _together(current.identity, model.identity.name)))
                made.append((job, current, step))
        self.verified([job for job, _, _ in made])
        for job, current, step in made:
            revision = job.candidates[-1]
            newly = self.routing.failures(revision.verdicts) - self.routing.failures(current.verdicts)
            if newly:
                job.candidates.pop()
                step |= {"taken": False, "why": f"it fails {', '.join(sorted(newly))}, which the text passed before"}
            else:
                job.current = revision
                step["taken"] = True

    def again(self, idents: Sequence[str]) -> Again:
        return lambda index, prompt, reply, reason: self.prompter.again(prompt, reply, reason, idents[index])

    def rank(self, candidate: _Candidate) -> tuple[int, int, int]:
        blocking, failed = self.routing.rank(candidate.verdicts)
        return blocking, candidate.doubt(), failed

    def route(self, job: _Job) -> Route:
        current = job.current
        if current is None:
            return "reject"
        found = self.routing.route(current.verdicts)
        doubtful = current.critique_failed or worst_severity(current.findings or ()) >= self.recipe.review_rank
        return worst([found, "review" if doubtful else "publish"])

    def outcome(self, job: _Job) -> Outcome:
        route = self.route(job)
        current = job.current
        job.steps.append({"stage": "route", "route": route, **_known(text=current.text if current else None)})
        if current is None:
            return Outcome(None, job.error or "there is no translation", route, tuple(job.steps))
        return Outcome(current.text, None, route, tuple(job.steps), current.identity)


def _failed(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(
        f"{verdict.check}: {verdict.detail or 'failed'}"
        for verdict in verdicts
        if not verdict.passed and verdict.judged
    )


def _verdict(verdict: Verdict) -> Step:
    return {"check": verdict.check, "passed": verdict.passed, **_known(detail=verdict.detail)}


def _known(**values: object) -> Step:
    return {name: value for name, value in values.items() if value is not None}


def _together(engine: EngineIdentity, reviser: str) -> EngineIdentity:
    """The identity of a text that a second model mended; the licence of the draft still holds."""
    mark = f" + {reviser}"
    if engine.name.endswith(mark):
        return engine
    return replace(engine, name=engine.name + mark)
