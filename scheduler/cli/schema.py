"""`curfew schema`: the JSON Schema of the file, for editors."""

import json

import click

from rules.document.schema import json_schema


@click.command(name="schema", short_help="Print the JSON Schema of the file, for editors.")
def command() -> None:
    """Print the JSON Schema of the file of rules: with it, editors complete, explain and underline while you type.

    Write it beside your file, and name it in the file's first line (VS Code with its YAML extension, Neovim, Zed and
    others read that; in JetBrains' editors choose it under Languages & Frameworks, JSON Schema Mappings). What depends
    on names, dates that don't exist and the like is for `curfew check` alone.

    \b
    Example:
      curfew schema > curfew.schema.json
    \b
    First line of the file:
      # yaml-language-server: $schema=curfew.schema.json
    """
    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))
