"""Lists the public API from rustdoc's JSON, for `.ci/external-types`: its items with their signatures, and the items
of other crates that it names. Items that are `doc(hidden)` are not part of it."""

import difflib
import json
import pathlib
import re
import subprocess
import sys

API, EXTERNAL = pathlib.Path("public-api.txt"), pathlib.Path("external-types.txt")
HEAD = """\
# The traits, types and functions of other crates that the public API names, with the version that it is tied to and
# the reason why it may name them. `.ci/external-types` compares this list with the code.
"""
API_HEAD = "# The public API, with all features. `.ci/external-types --update` writes this list.\n\n"
ADVICE = """
The public API, or what it names of other crates, is not what the lists say. If the change is intended, run
`.ci/external-types --update`, and commit the lists with the change.

An item of another crate needs a reason in external-types.txt: a convention that asks for it. Without a reason, use a
type of std or of this crate. A breaking release of the other crate is a breaking release of this one."""
# The standard library, and what crates export for their macros only.
IGNORED = {"alloc", "core", "std", "__private"}

DOC = json.loads(pathlib.Path(sys.argv[1]).read_text())
INDEX, PATHS = DOC["index"], DOC["paths"]


def get(number):
    """An item of this crate as (item, kind, what is particular to its kind); (None, "", {}) if hidden or not here."""
    item = INDEX.get(str(number))
    if item is None or "doc(hidden)" in json.dumps(item["attrs"]):
        return None, "", {}
    [(kind, inner)] = item["inner"].items()
    return item, kind, inner


class Api:
    def __init__(self):
        self.public = {}  # id: the paths under which it is public
        self.external = {}  # (path, crate): where it is named
        self.blocks = []  # for each public item, its path and its lines
        self.reach(DOC["root"], "")
        for number, paths in self.public.items():
            first, *others = sorted(paths, key=lambda path: (path.count("::"), path))
            self.blocks.append((first, self.describe(number, first)))
            self.blocks += [(path, [f"pub use {first}"]) for path in others]
        self.blocks.sort()

    def reach(self, number, prefix):
        """Finds what is public under a module or an item, and the paths that it has."""
        item, kind, inner = get(number)
        if kind == "module":
            path = prefix + item["name"]
            self.blocks.append((path, ["pub mod"]))
            for child in inner["items"]:
                self.reach(child, path + "::")
        elif kind == "use" and str(inner["id"]) not in INDEX:
            # Of another crate.
            self.blocks.append((prefix + inner["name"], [f"pub use {inner['source']}"]))
            self.note({"path": inner["source"], "id": inner["id"]}, prefix + inner["name"])
        elif kind == "use":
            _, kind, target = get(inner["id"])
            for child in target["items"] if kind == "module" else []:
                self.reach(child, prefix if inner["is_glob"] else f"{prefix}{inner['name']}::")
            if kind not in ("module", ""):
                self.public.setdefault(inner["id"], set()).add(prefix + inner["name"])
        elif item:
            self.public.setdefault(number, set()).add(prefix + item["name"])

    def note(self, part, where):
        """Notes the items of other crates in a part of the JSON: each has an id and the path as it was written."""
        if isinstance(part, list):
            for each in part:
                self.note(each, where)
        elif isinstance(part, dict):
            target = PATHS.get(str(part["id"])) if "id" in part and "path" in part else None
            if target and target["crate_id"] and not IGNORED & set(target["path"]):
                key = "::".join(target["path"]), DOC["external_crates"][str(target["crate_id"])]["name"]
                self.external.setdefault(key, set()).add(where)
            for each in part.values():
                self.note(each, where)

    def describe(self, number, path):
        item, kind, inner = get(number)
        if kind == "macro":
            return [signature(item, kind)]
        self.note(inner, path)
        lines = [signature(item, kind), *self.members(children(inner), path)]
        impls, derived = [], []
        for each in inner.get("impls", []) + inner.get("implementations", []):
            block = self.implementation(each, number, path)
            if block and block[0].startswith("derived "):
                derived.append(block[0].removeprefix("derived "))
            elif block:
                impls.append(block)
        lines += [line for block in sorted(impls) for line in block]
        return lines + ([f"derived: {', '.join(sorted(derived))}"] if derived else [])

    def members(self, numbers, path):
        lines = []
        for number in numbers:
            item, kind, inner = get(number)
            if item and item["visibility"] in ("public", "default"):
                lines.append("    " + signature(item, kind))
                self.note(inner, f"{path}::{item['name']}")
                if kind == "variant":
                    for field in children(inner):
                        self.note(get(field)[2], f"{path}::{item['name']}")
        return lines

    def implementation(self, number, owner, path):
        item, _, inner = get(number)
        if not item or inner["is_synthetic"] or inner["blanket_impl"]:
            return []
        trait, subject = inner["trait"], inner["for"].get("resolved_path", {}).get("id")
        head = signature(item, "impl")
        items = sorted(inner["items"], key=lambda each: (get(each)[0] or {}).get("name") or "")
        if trait is None:
            lines = self.members([each for each in items if (get(each)[0] or {}).get("visibility") == "public"], path)
            if lines:
                # Its bounds.
                self.note(inner["generics"], path)
            return [head, *lines] if lines else []
        if subject != owner and subject in self.public:
            return []  # listed there
        local = PATHS.get(str(trait["id"]), {}).get("crate_id") == 0
        if trait["path"] == "StructuralPartialEq" or (local and trait["id"] not in self.public):
            return []
        self.note(inner, f"{path} (impl {trait['path']})")
        return [head, *self.members([each for each in items if get(each)[1] == "assoc_type"], path)]


def children(inner):
    """The ids of the fields, variants or items of a struct, a variant, an enum or a trait."""
    kind = inner.get("kind")
    parts = [inner.get("items", []), inner.get("variants", [])]
    for shape in kind.values() if isinstance(kind, dict) else []:
        parts.append(shape["fields"] if isinstance(shape, dict) else shape)
    return [number for part in parts for number in part if number is not None]


def signature(item, kind):
    """The declaration as it is written in the source, on one line and without the body."""
    text, attributes = source(item["span"]), json.dumps(item["attrs"])
    if kind == "impl" and ("automatically_derived" in attributes or not re.match(r"(unsafe )?impl\b", text)):
        trait = item["inner"]["impl"]["trait"]
        return f"derived {brief(trait)}" if trait else f"impl {brief(item['inner']['impl']['for'])} (from a macro)"
    if kind == "function" and f"fn {item['name']}" not in text:
        return f"pub fn {item['name']} (from a macro)"
    # Of pin-project-lite.
    if kind == "struct" and not text.startswith("pub"):
        parameters = [parameter(each) for each in item["inner"]["struct"]["generics"]["params"]]
        text = f"pub struct {item['name']}<{', '.join(parameters)}>"
    if kind in ("function", "trait", "impl", "enum", "struct", "macro"):
        text = text[: body(text, "({;" if kind == "struct" else "{;")]
    # All features are on, so that what is there without one is not.
    text = re.sub(r"#\[cfg\(not\(feature[^\]]*\]\s*\w+,?|#\[[^\]]*\]|//[^\n]*", "", text)
    text = re.sub(r"\s+", " ", text).strip(" ;,")
    text = re.sub(r"([(,] ?)mut (?=\w)", r"\1", text).replace(", }", " }")
    text = re.sub(r",? ([)\]>])", r"\1", re.sub(r"([(\[<]) ", r"\1", text))
    for name in ("must_use", "non_exhaustive"):
        if name in attributes:
            text = f"#[{name}] {text}"
    return text


def source(span):
    lines = pathlib.Path(span["filename"]).read_text().split("\n")
    (first, start), (last, end) = span["begin"], span["end"]
    lines = lines[first - 1 : last]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start - 1 :]
    return "\n".join(lines)


def body(text, ends):
    """Where the body begins: at the first of these characters that is not in parentheses or brackets."""
    depth = 0
    for place, char in enumerate(text):
        if depth == 0 and char in ends:
            return place
        depth += (char in "([") - (char in ")]")
    return len(text)


def brief(part):
    """The name of a trait or type, with its arguments."""
    if "resolved_path" in part:
        return brief(part["resolved_path"])
    if "path" not in part:
        return str(next(iter(part.values()))) if len(part) == 1 else "_"
    arguments = ((part["args"] or {}).get("angle_bracketed") or {}).get("args", [])
    names = ", ".join(brief(each.get("type", {})) if isinstance(each, dict) else "_" for each in arguments)
    return part["path"] + (f"<{names}>" if names else "")


def parameter(part):
    default = part["kind"].get("type", {}).get("default")
    return part["name"] + (f" = {brief(default)}" if default else "")


def versions():
    """The part of each dependency's version that a breaking change increases, by the name of its library."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    edges = {node["id"]: node["deps"] for node in found["resolve"]["nodes"]}
    todo = [each["id"] for each in found["packages"] if each["name"] == "noleader" and each["source"] is None]
    seen = set()
    while todo:
        package = todo.pop()
        if package not in seen:
            seen.add(package)
            todo += [each["pkg"] for each in edges[package] if any(kind["kind"] is None for kind in each["dep_kinds"])]
    names = {}
    for package in found["packages"]:
        numbers = package["version"].split(".")
        short = ".".join(numbers[: 1 if numbers[0] != "0" else 2])
        if package["id"] in seen:
            names.setdefault(package["name"].replace("-", "_"), set()).add(short)
    return {name: "/".join(sorted(each)) for name, each in names.items()}


def main():
    api = Api()
    known, reasons = versions(), {}
    old = EXTERNAL.read_text() if EXTERNAL.exists() else ""
    for line in old.splitlines():
        if not line.startswith("#"):
            name, _, reason = (re.split(r" {2,}", line, maxsplit=2) + ["", ""])[:3]
            reasons[name] = reason
    new = HEAD
    for name, crate in sorted(api.external):
        # Of fixed width, so that a new line leaves the others as they are.
        new += f"{name:68}  {known.get(crate, '?'):4}  {reasons.get(name, '')}".rstrip() + "\n"
    blocks = ["\n    ".join([path, *lines]) + "\n" for path, lines in api.blocks]
    listing = API_HEAD + "\n".join(blocks)
    if sys.argv[2:] == ["--update"]:
        EXTERNAL.write_text(new)
        API.write_text(listing)
    failed = False
    for path, new_text in ((EXTERNAL, new), (API, listing)):
        old_text = path.read_text() if path.exists() else ""
        pair = old_text.splitlines(), new_text.splitlines()
        difference = list(difflib.unified_diff(*pair, str(path), "the code", n=1, lineterm=""))
        failed |= bool(difference)
        print(*difference, sep="\n", end="\n" if difference else "")
    for (name, crate), where in sorted(api.external.items()):
        if not reasons.get(name):
            failed = True
            print(f"{EXTERNAL}: no reason for {name}; named by {', '.join(sorted(where)[:3])}")
    if failed:
        print(ADVICE)
        sys.exit(1)


main()
