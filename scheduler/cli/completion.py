"""`curfew completion`: the script that completes words in a shell."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from scheduler.cli import shells as shells

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(_SHELLS), metavar="SHELL")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL (bash, zsh or fish) completes verbs, options, and names.

    It completes the names of rules, accounts and calendars in the file of rules, and the ids of campaigns that the
    ledger knows; zsh and fish show what each is called.

    \b
    Examples, for this shell alone:
      source <(curfew completion bash)
      source <(curfew completion zsh)
      curfew completion fish | source
    \b
    For each new shell of yours:
      mkdir -p ~/.local/share/bash-completion/completions
      curfew completion bash > ~/.local/share/bash-completion/completions/curfew
      curfew completion zsh > "${fpath[1]}/_curfew"
      curfew completion fish > ~/.config/fish/completions/curfew.fish
    \b
    For all users of the machine, as root:
      curfew completion bash > /etc/bash_completion.d/curfew
      curfew completion zsh > /usr/local/share/zsh/site-functions/_curfew
      curfew completion fish > /etc/fish/completions/curfew.fish
    """
    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(context.find_root().command, {}, "curfew", "_CURFEW_COMPLETE").source(), nl=False)
