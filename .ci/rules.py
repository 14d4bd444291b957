"""The parts of `.ci/rules`: puts the switches of tests/world/rules.toml into a copy of the sources, and runs the
simulated world without each rule."""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

RULES = tomllib.loads(pathlib.Path("tests/world/rules.toml").read_text())["rule"]
SHARDS = "src/shards"
OFF = """
/// Whether a rule of the protocol is switched off.
pub(crate) fn is_off(rule: &str) -> bool {
    static RULE: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var("NOLEADER_WITHOUT").unwrap_or_default());
    *RULE == rule
}
"""


def switch(tree):
    """Replaces each `from`. Several switches may replace the same text: each is then put into the `to` of the former."""
    lib = tree / "src/lib.rs"
    lib.write_text(lib.read_text() + OFF)
    switches = collections.defaultdict(list)
    for rule in RULES:
        for one in rule["switch"]:
            switches[one["file"]].append((rule["name"], one["from"], one["to"]))
    for file, changes in switches.items():
        path = tree / SHARDS / file
        text = path.read_text()
        for name, old, _ in changes:
            if text.count(old) != 1:
                sys.exit(f"{name}: {SHARDS}/{file} contains this {text.count(old)} times:\n{old}")
        for name, old, new in changes:
            if text.count(old) != 1:
                sys.exit(f"{name}: another switch has replaced or repeated this in {SHARDS}/{file}:\n{old}")
            text = text.replace(old, new.replace("OFF", f'crate::is_off("{name}")'))
        path.write_text(text)


def binary():
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
            sys.exit(message["message"]["rendered"])
        if message.get("target", {}).get("name") == "world" and message.get("executable"):
            print(message["executable"])


def survey(binary, rule, seeds):
    """Which invariants are violated: how often, and by which seed first."""
    variables = {"NOLEADER_WITHOUT": rule, "NOLEADER_SURVEY": str(seeds), "NOLEADER_FIRST_SEED": "0"}
    test = [binary, "violations_are_counted", "--nocapture"]
    run = subprocess.run(test, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = re.findall(r"^(\w+): (\d+) seeds, first (\d+):", run.stdout, re.M)
    if run.returncode != 0:
        sys.exit(f"{rule or 'all rules'}: the run failed\n{run.stdout}")
    return {name: (int(seeds), int(first)) for name, seeds, first in found}


def attempt(binary, names):
    unknown = set(names) - {rule["name"] for rule in RULES}
    if unknown:
        sys.exit(f"no rules: {unknown}")
    limit = int(os.environ.get("NOLEADER_SEEDS", "0"))
    if kept := survey(binary, "", limit or 200):
        sys.exit(f"with all rules: {kept}")
    missed = []
    for rule in RULES:
        if names and rule["name"] not in names:
            continue
        found = survey(binary, rule["name"], limit or rule["seeds"])
        shown = ", ".join(f"{name} {seeds} (first {first})" for name, (seeds, first) in sorted(found.items()))
        print(f"{rule['name']}, {limit or rule['seeds']} seeds: {shown or 'MISSED'}", flush=True)
        if not found:
            missed.append(rule["name"])
    if missed:
        sys.exit(f"the simulated world does not notice that these are missing: {', '.join(missed)}")


match sys.argv[1:]:
    case ["switch", tree]:
        switch(pathlib.Path(tree))
    case ["binary"]:
        binary()
    case ["try", path, *names]:
        attempt(path, names)
