"""The section of mutants in use: score, order, filters, keys, links, and its limits."""

from typing import Any

from tests.browser.chromium import Chromium

TABLE = "#mutant-grid"
NAN = "fault.nan-row-not-normalised"
BLOCKING = ("survived", "timed out", "no build", "refuted")


def _blocked(content: dict[str, Any]) -> list[str]:
    """Makes the last killed mutants block, one of each such status, and returns their ids."""
    run = content["mutants"]
    mutants = [mutant for mutant in run["mutants"] if mutant["status"] == "killed"]
    killed = mutants[-len(BLOCKING) :]
    for mutant, status in zip(killed, BLOCKING, strict=True):
        mutant.update(status=status, why=f"{status}, made up", killed_by=[])
    blocking = [{"status": status, "count": 1, "blocks": True} for status in BLOCKING]
    run["statuses"] = [*blocking, *run["statuses"]]
    run["score"]["killed"] -= len(BLOCKING)
    return [mutant["id"] for mutant in killed]


def test_the_score_and_its_run(shown: Chromium, content: dict[str, Any]) -> None:
    """The killed and all mutants, those that do not count, each status, and the run."""
    score = "✓\n36 of 36 killed\n 100.0 %; 13 equivalent by proof, 16 of another row, no survivor"
    assert shown.text("#mutant-score").split() == score.split()
    counts = " ".join(shown.text("#mutant-statuses").split())
    assert counts == "† killed 36 ≡ equivalent 13 → other row 16"
    assert shown.text("#mutant-run") == (
        "row cpu · a commit that was not noted · 6 of 13 cases kill all that is killed · 371 s"
    )
    assert shown.text("#mutant-count") == f"{len(content['mutants']['mutants'])} mutants"


def test_blocking_mutants_come_first(chromium: Chromium, content: dict[str, Any]) -> None:
    """In the score, in the counts and in the table; the run's commit is shown if it has one."""
    blocked = _blocked(content)
    content["mutants"].update(commit="c" * 40, dirty=True, date="2026-11-24")
    chromium.show(content)
    assert "✕ 32 of 36 killed 88.8 %;" in " ".join(chromium.text("#mutant-score").split())
    counts = "1 survived, 1 timed out, 1 no build, 1 refuted"
    assert chromium.text("#mutant-score").endswith(counts)
    assert chromium.text("#mutant-run").startswith(
        "row cpu · commit cccccccccccc, with changes that are not committed · 2026-11-24 · "
    )
    assert chromium.ids(TABLE)[: len(blocked)] == blocked
    first = chromium.text(f"{TABLE} .line").split("\n")
    assert (first[1], first[-1]) == ("survived", "survived, made up")
    chromium.choose("#mutant-status", "any that blocks")
    assert chromium.ids(TABLE) == blocked


def test_the_line_of_a_mutant(shown: Chromium, content: dict[str, Any]) -> None:
    """It has id, operator, place, and the first killer with its distribution, or the proof."""
    shown.first("#mutant-filter").send_keys(NAN)
    cells = [cell.text for cell in shown.all(f"{TABLE} .line > *")]
    assert cells[1:4] == [NAN, "NaN handling", "kernel.py:123"]
    assert cells[4] == "cpu-fp32-E128-K8-T31 (one_nan), and 9 more"
    shown.choose("#mutant-status", "equivalent")
    assert shown.text("#mutant-grid .empty") == "no mutant fits: clear the filter to see them all"
    shown.first("#mutant-filter").send_keys(shown.keys.ESCAPE)
    assert shown.focus() == "mutant-grid"
    proofs = [line.text for line in shown.all(f"{TABLE} .line .cause")]
    mutants = content["mutants"]["mutants"]
    wanted = [mutant["why"] for mutant in mutants if mutant["status"] == "equivalent"]
    assert proofs == wanted


def test_the_filter_and_the_operator(shown: Chromium, content: dict[str, Any]) -> None:
    """Its words may also be those of a case or a distribution; the table of cases stays."""
    shown.first("#mutant-filter").send_keys("one_nan fp32-E128")
    assert NAN in shown.ids(TABLE)
    assert "equivalent" not in shown.text("#mutant-body")
    shown.choose("#mutant-operator", "NaN handling")
    mutants = content["mutants"]["mutants"]
    wanted = [mutant["id"] for mutant in mutants if mutant["operator"] == "NaN handling"]
    assert shown.ids(TABLE) == wanted
    assert shown.text("#mutant-count") == f"{len(wanted)} of {len(mutants)} mutants"
    assert shown.text("#count") == f"{len(content['cases'])} cases"


def test_the_keyboard_opens_a_mutant(shown: Chromium, content: dict[str, Any]) -> None:
    """It shows its change, its killers and its command; Esc goes back to the table."""
    keys = shown.keys
    shown.first("#mutant-filter").send_keys("one_nan", keys.ENTER)
    assert shown.focus() == "mutant-grid"
    shown.press(keys.ARROW_DOWN, keys.HOME)
    assert shown.selected(TABLE) == NAN
    shown.press(keys.ENTER)
    assert shown.text("#details-title") == NAN
    mutant = next(entry for entry in content["mutants"]["mutants"] if entry["id"] == NAN)
    assert shown.text(".change").split("\n") == [f"- {mutant['before']}", f"+ {mutant['after']}"]
    details = shown.text("#details")
    for words in (mutant["source"], "kernels/gemma4_routing/kernel.py:123", "values differ, in 6"):
        assert words in details
    killers = [row.text.split() for row in shown.all("#details tbody tr")]
    assert len(killers) == 10
    assert killers[0] == ["gemma4_routing-cpu-fp32-E128-K8-T31", "fail", "one_nan"]
    assert shown.text(".reproduce") == f"nox -s mutants -- --mutant {NAN}"
    shown.press(keys.ESCAPE)
    shown.until("return location.hash === '#mutants'")
    assert shown.focus() == "mutant-grid"


def test_links_to_a_mutant(chromium: Chromium, content: dict[str, Any]) -> None:
    """They open it, and lead on to the case that killed it; a wrong id fits nothing."""
    chromium.show(content, f"#mutant={NAN}")
    assert chromium.text("#details-title") == NAN
    chromium.first("#details tbody a").click()
    chromium.until(
        "return document.querySelector('#details .reproduce')"
        ".textContent.startsWith('nox -s reproduce')"
    )
    assert chromium.text("#details-title") == "gemma4_routing-cpu-fp32-E128-K8-T31"
    chromium.press(chromium.keys.ESCAPE)
    chromium.until("return location.hash === '#cases'")
    assert chromium.focus() == "grid"
    chromium.show(content, "#mutant=fault.gone")
    assert chromium.ids(TABLE) == []


def test_no_run_is_no_section(chromium: Chromium, content: dict[str, Any]) -> None:
    """There is no heading and no link; the address of a mutant opens nothing."""
    content["mutants"] = None
    chromium.show(content, f"#mutant={NAN}")
    assert not chromium.first("#mutants").is_displayed()
    assert "Mutants" not in chromium.text("nav")
    assert not chromium.run("return document.getElementById('details').open")


def test_ten_thousand_mutants(chromium: Chromium, content: dict[str, Any]) -> None:
    """Only those in sight are elements, the last is a key away, and paper counts the rest."""
    some = content["mutants"]["mutants"]
    mutants = [
        {**some[place % len(some)], "id": f"{some[place % len(some)]['id']}-{place:05}"}
        for place in range(10_000)
    ]
    content["mutants"]["mutants"] = mutants
    chromium.show(content)
    assert chromium.times()[1] < 1000
    assert len(chromium.ids(TABLE)) < 100
    chromium.run("document.getElementById('mutant-grid').focus()")
    chromium.press(chromium.keys.END)
    others = [mutant["id"] for mutant in mutants if mutant["status"] == "other row"]
    assert chromium.selected(TABLE) == others[-1]
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    assert len(chromium.ids(TABLE)) == 1000
    assert chromium.text("#mutant-grid .empty") == "and 9000 more"
    chromium.run("dispatchEvent(new Event('afterprint'))")
    assert len(chromium.ids(TABLE)) < 100
