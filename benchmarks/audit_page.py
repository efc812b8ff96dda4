"""How fast the page of an audit is with 2,000 flagged phantoms, in headless Chromium.

    python -m benchmarks.audit_page --write docs/audit-report.md

Sixty phantoms are drawn, and their pictures stand in all files, which differ in their names and in a few
bytes behind the picture. What an audit would find in them is planted; the page and the CSV are made as
`cervix-tf audit` makes them. Then a browser decides, is loaded anew and saves, and what was saved is
applied.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

import cervix_tf as cx
from benchmarks.tables import Row, machine, markdown, write
from cervix_tf.data.manifests import validated

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PRESS = (
    "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
)
CHOOSE = (
    "const e = document.getElementById('%s'); e.value = '%s'; "
    "e.dispatchEvent(new Event('change', {bubbles: true}))"
)
ALL = "document.querySelector('#%s').closest('section').querySelector('[data-choice=drop]').click()"


class Clock:
    """The processor time of a page's main thread, which other work on the machine hardly changes."""

    def __init__(self, page: Page):
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """How much has passed since the page began."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def drawn(page: Page, actions: list[str], rounds: int) -> str:
    """Milliseconds until the page shows what an action changes: mean of the processor's, and median."""
    program = """async (rounds) => {
      const spent = [];
      for (let k = 0; k < rounds; k++)
        for (const action of [ACTIONS]) {
          const began = performance.now();
          action();
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          spent.push(performance.now() - began);
        }
      return spent;
    }"""
    functions = ", ".join(f"() => {{ {action} }}" for action in actions)
    clock = Clock(page)
    began = clock.seconds()
    spent = page.evaluate(program.replace("ACTIONS", functions), rounds)
    processor = (clock.seconds() - began) / len(spent)
    return f"{1000 * processor:.0f} ms of processor time, {np.median(spent):.0f} ms by the clock"


def planted(folder: Path, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A manifest as `audit` returns it, all flagged; and the neighbours of doubted labels."""
    drawn = cx.data.phantom(folder / "drawn", per_class=20, seed=0, sizes=[(600, 800)])
    pictures = [Path(path).read_bytes() for path in drawn["path"]]
    chance = np.random.default_rng(0)
    rows = []
    for k in range(count):
        one = k % len(pictures)
        path = folder / f"photographs/{drawn['label'][one]}/{k}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures[one] + str(k).encode())
        part = k / count
        flag, cluster = "outlier", None
        if part < 0.3:
            cluster = f"c{k // 3}"
            flag = ("near-duplicate; label conflict", "near-duplicate")[part > 0.1]
        elif part < 0.5:
            flag = "label error"
        elif part < 0.9:
            flag = ("blurred", "dark; blurred", "over-exposed")[k % 3]
        rows.append((str(path), drawn["label"][one], "train", flag, cluster))
    table = pd.DataFrame(rows, columns=["path", "label", "source", "flags", "cluster"])
    table = validated(table, "planted photographs").assign(phantom=True)
    for name in ("sharpness", "brightness", "distance"):
        table[name] = chance.uniform(1, 100, count)
    doubted = table["flags"] == "label error"
    table["label_quality"] = pd.Series(chance.uniform(0, 0.1, count)).where(doubted)
    table["guess"] = pd.Series("Type_2", table.index).where(doubted)
    table["guess_probability"] = (1 - table["label_quality"]).where(doubted)
    nearest = [
        (path, label, chance.choice(table["path"][table["label"] == label]), chance.uniform(0.1, 1))
        for path in table["path"][doubted]
        for label in ("Type_1", "Type_2", "Type_3")
    ]
    return table, pd.DataFrame(nearest, columns=["path", "label", "nearest", "distance"])


def opened(page: Page, file: Path) -> tuple[float, float]:
    """Seconds from the address to the first pictures, drawn: the processor's, and by the clock."""
    page.goto("about:blank")
    clock = Clock(page)
    processor, began = clock.seconds(), time.perf_counter()
    page.goto(f"{file.as_uri()}#finding-1")
    page.wait_for_selector(".card img[src]")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return clock.seconds() - processor, time.perf_counter() - began


def measured(folder: Path, count: int, rounds: int, program: str) -> list[Row]:
    """The rows of the table; what is decided has to come out in the manifest."""
    table, nearest = planted(folder, count)
    cx.quality.write_decisions(table, folder / "audit.csv")
    began = time.perf_counter()
    file = cx.quality.write_audit_report(table, folder / "audit.html", neighbours=nearest)
    made = time.perf_counter() - began
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        loads = [opened(page, file) for _ in range(rounds)]
        cards = page.evaluate("visible.length")
        flags = [
            CHOOSE % ("flag", f"={flag}") for flag in ("blurred", "near-duplicate", "label error")
        ]
        filters = drawn(page, [*flags, CHOOSE % ("flag", "")], rounds)
        page.locator(".card").first.focus()
        keys = drawn(page, [PRESS % "k", PRESS % "d", PRESS % "2"], 100)
        blurred = page.locator("section h2", has_text="blurred").first.get_attribute("id")
        whole = drawn(page, [ALL % blurred], 2 * rounds + 1)
        undecided = drawn(page, [CHOOSE % ("decision", "="), CHOOSE % ("decision", "")], rounds)
        before = page.locator("#count").inner_text()
        page.reload()
        assert page.locator("#count").inner_text() == before, "kept over a reload"
        with page.expect_download() as download:
            page.click("#save")
        saved = shutil.copy(download.value.path(), folder / "saved.csv")
        other = browser.new_context().new_page()
        opened(other, file)
        other.set_input_files("#file", saved)
        other.wait_for_selector("#note:visible")
        assert other.locator("#count").inner_text() == before, "loaded back"
        browser.close()
    manifest = cx.quality.apply_decisions(table, saved)
    decided = pd.read_csv(saved, dtype=str)
    assert decided["new_label"].notna().sum() > 10
    dropped = decided["decision"] == "drop"
    label = decided["new_label"].fillna(decided["label"])[~dropped].tolist()
    assert manifest["path"].tolist() == decided["path"][~dropped].tolist()
    assert manifest["label"].tolist() == label
    assert f"{dropped.sum()} dropped" in before
    processor, clock = np.median(loads, axis=0)
    megabytes = file.stat().st_size / 1e6
    done = {
        "A filter by flag": filters,
        "A filter by decision": undecided,
        "A decision by key, and on to the next": keys,
        "All blurred dropped at once, and taken back": whole,
    }
    return [
        (f"The page: {cards} cards", f"{megabytes:.0f} MB, made in {made:.0f} s", "", "60 MB"),
        ("Loading, until pictures are drawn",
         f"{processor:.2f} s of processor time, {clock:.2f} s by the clock", "", "3 s"),
        *((what, figure, "", "100 ms") for what, figure in done.items()),
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a folder to leave the page and its CSV in")
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        raise SystemExit(f"None of {', '.join(CHROMIUM)} is on the path.")
    with tempfile.TemporaryDirectory() as scratch:
        rows = measured(chosen.keep or Path(scratch), chosen.photographs, chosen.rounds, program)
    head = f"On planted findings in copies of 60 phantoms of 600 x 800, seed 0. {machine('playwright')}"
    table = markdown(head, rows)
    print(table)
    if chosen.write:
        write(chosen.write, "audit-page", table)


if __name__ == "__main__":
    main()
