"""What pip-audit has found, read from its JSON: exit code 1 where a library of the lock has a known vulnerability.

Where nobody could be asked, that's said and nothing more: a missing network is no vulnerability.
"""

import json
import sys
from pathlib import Path


def main(report: Path) -> int:
    try:
        dependencies = json.loads(report.read_text())["dependencies"]
    except (OSError, ValueError, LookupError):
        print("NOT CHECKED for known vulnerabilities: the advisories can't be asked for", file=sys.stderr)
        return 0
    found = [(each, flaw) for each in dependencies for flaw in each.get("vulns", ())]
    for each, flaw in found:
        cure = f"fixed in {', '.join(flaw['fix_versions'])}" if flaw["fix_versions"] else "no version without it yet"
        print(f"{each['name']} {each['version']}: {flaw['id']}; {cure}", file=sys.stderr)
    if skipped := sum("skip_reason" in each for each in dependencies):
        counted = f"{skipped} of {len(dependencies)} libraries"
        print(f"NOT CHECKED for known vulnerabilities: {counted}, which the index says nothing of", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
