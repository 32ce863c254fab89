"""What the API said of a file's campaigns, as problems of the file, each at its place. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rules.document import CampaignsSpec, Document, Rule
from rules.notation import nearest
from rules.ruleset import Campaign, Selector
from rules.source import Path, Problem, Source
from scheduler.preflight.asking import CheckedAccount, CheckedCampaign, Fault, FaultKind

_MOST_NAMED: Final = 5
# To compare with thousands of names takes a while.
_MOST_GUESSES: Final = 20
_GLOB: Final = str.maketrans("", "", "*?[]")
_KEYS: Final = ("api_key", "api_key_file", "credential")
# Where the campaigns are put into what is said of them.
_THESE: Final = "{}"


def problems_of(source: Source, document: Document, checked: CheckedAccount) -> list[Problem]:
    """What's wrong with an account and the rules for it, in the order of the file.

    A key that's refused and an account that can't be asked are errors, all else is a warning.
    """
    found = [source.problem(path, message, is_warning=True) for path, message in _warnings(document, checked)]
    if checked.fault is not None:
        found.append(source.problem(*_error(document, checked.account, checked.fault)))
    return sorted(found)


_Found = Iterator[tuple[Path, str]]


def _error(document: Document, account: str, fault: Fault) -> tuple[Path, str]:
    spec = document.accounts[account]
    if fault.kind is FaultKind.UNREACHABLE:
        return ("accounts", account, "base_url"), f"the API can't be asked: {fault.error}"
    key = next(each for each in _KEYS if getattr(spec, each) is not None)
    company = f", for company {spec.company_id}" if spec.company_id is not None else ""
    return ("accounts", account, key), f"the API refuses the key{company}: {fault.error}"


def _warnings(document: Document, checked: CheckedAccount) -> _Found:
    rules = {
        index: rule
        for index, rule in enumerate(document.rules)
        if rule.enabled and document.account_of(rule) == checked.account
    }
    if checked.left_out and checked.fault is None:
        number = f"{checked.left_out} of {checked.left_out + checked.asked}"
        yield ("accounts", checked.account), f"{number} campaigns that are selected weren't asked about"
    if not checked.is_listed or not rules:
        return
    if not checked.campaigns:
        yield ("accounts", checked.account), "has no campaigns, so its rules select nothing"
        return
    known = _Known(checked.campaigns)
    for index, rule in rules.items():
        yield from _references(index, rule, known)
    yield from _campaigns(rules, checked.selected)


class _Known:
    """What an account has, for references of rules to be looked up in."""

    def __init__(self, campaigns: Sequence[CheckedCampaign]) -> None:
        self.campaigns = campaigns
        self.ids = {campaign.id for campaign in campaigns}
        self._asked = [Campaign(id=each.id, name=each.name, folder=each.folder) for each in campaigns]
        self._guesses = _MOST_GUESSES

    def finds(self, selector: Selector) -> bool:
        return any(map(selector.selects, self._asked))

    def near(self, word: str, known: Iterable[str]) -> str:
        self._guesses -= 1
        return nearest(word, known) if self._guesses >= 0 else ""


@dataclass(frozen=True, slots=True)
class _Reference:
    """One value by which a rule names campaigns."""

    path: Path
    value: int | str
    is_folder: bool = False
    is_exception: bool = False

    def missing(self, known: _Known) -> str | None:
        """What's said where nothing has it."""
        end = "; nothing is excepted by it" if self.is_exception else ""
        if isinstance(self.value, int):
            if self.value in known.ids:
                return None
            return f"the account has no campaign {self.value}{known.near(str(self.value), map(str, known.ids))}{end}"
        selector = Selector(folders=(self.value,)) if self.is_folder else Selector(names=(self.value,))
        if known.finds(selector):
            return None
        if self.is_folder:
            folders = {each.folder for each in known.campaigns if each.folder is not None}
            return f"no campaign is in a folder {self.value!r}{known.near(self.value, folders)}"
        names = (each.name for each in known.campaigns)
        return f"no campaign is called {self.value!r}{known.near(self.value.translate(_GLOB).strip(), names)}{end}"


def _references(index: int, rule: Rule, known: _Known) -> _Found:
    is_told = False
    for each in _named(("rules", index, "campaigns"), rule.campaigns):
        if message := each.missing(known):
            is_told = is_told or not each.is_exception
            yield each.path, message
    if not is_told and not any(rule.name in campaign.rules for campaign in known.campaigns):
        yield ("rules", index, "campaigns"), "selects no campaign of the account"


def _named(path: Path, spec: list[int] | CampaignsSpec | None) -> Iterator[_Reference]:
    if isinstance(spec, list):
        yield from (_Reference((*path, number), value) for number, value in enumerate(spec))
    elif spec is not None:
        yield from (_Reference((*path, "ids", number), value) for number, value in enumerate(spec.ids or ()))
        yield from (_Reference((*path, "names", number), value) for number, value in enumerate(spec.names or ()))
        for number, folder in enumerate(spec.folders or ()):
            yield _Reference((*path, "folders", number), folder, is_folder=True)
        for number, value in enumerate(spec.except_ or ()):
            yield _Reference((*path, "except", number), value, is_exception=True)


def _campaigns(rules: Mapping[int, Rule], campaigns: Iterable[CheckedCampaign]) -> _Found:
    """What's to be known of single campaigns: those of one rule and one kind on one line, unless they are named."""
    groups: dict[tuple[Path, str], list[CheckedCampaign]] = {}
    for campaign in campaigns:
        for remark in _remarks(campaign):
            groups.setdefault((_place(rules, campaign), remark), []).append(campaign)
    for (path, remark), found in groups.items():
        yield path, remark.replace(_THESE, _listed(found), 1)


def _remarks(campaign: CheckedCampaign) -> Iterator[str]:
    if campaign.prospect_timezone:
        yield f"mail of {_THESE} follows each prospect's own time zone, while a pause is one instant for all"
    if campaign.can_resume is False:
        yield f"{_THESE} can't be resumed: {campaign.why_not}"
    elif campaign.why_not is not None:
        yield f"nobody knows whether {_THESE} can be resumed: {campaign.why_not}"


def _place(rules: Mapping[int, Rule], campaign: CheckedCampaign) -> Path:
    """Where the first rule that selects it stands, or names its id."""
    index, rule = next((index, rule) for index, rule in rules.items() if rule.name in campaign.rules)
    path: Path = ("rules", index, "campaigns")
    named = (each.path for each in _named(path, rule.campaigns) if each.value == campaign.id)
    return next(named, path)


def _listed(campaigns: Sequence[CheckedCampaign]) -> str:
    named = ", ".join(f"{each.id} {each.name!r}" for each in campaigns[:_MOST_NAMED])
    more = len(campaigns) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
