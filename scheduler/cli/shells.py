"""What click's completion lacks for bash and fish. It's loaded only where a shell asks, or its script is printed."""

from typing import ClassVar, Final

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    add_completion_class,
)

# bash puts on the command line what it's given, letter by letter: a name such as `a; reboot` must come quoted. Inside
# of quotes that are open already, only names are offered that mean nothing else there. `:` and `=` part words for bash,
# unless there's a backslash before them. What goes wrong is not said: it would stand in the middle of the prompt.
_BASH: Final = r"""%(complete_func)s() {
    local IFS=$'\n' kind value quoted
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                printf -v quoted %%q "$value"
                quoted=${quoted//:/\\:}
                quoted=${quoted//=/\\=}
                if [[ ${COMP_WORDS[COMP_CWORD]} == [\"\']* ]]; then
                    [[ $value == *[\"\'\\\$\`\!]* ]] && continue
                    quoted=$value
                fi
                COMPREPLY+=("$quoted")
                ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@add_completion_class
class Bash(BashComplete):
    """For bash 4.4 and later."""

    source_template: ClassVar[str] = _BASH

    def source(self) -> str:
        """The script; click would look first which bash is installed here."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and that one; in `--rule=we`, `=` is a word for bash."""
        words, incomplete = super().get_completion_args()
        return (words[:-1] if words[-1:] == ["="] else words), incomplete


@add_completion_class
class Fish(FishComplete):
    """A value, or what is said of it, may have a comma in it."""

    source_template: ClassVar[str] = FishComplete.source_template.replace('split ","', 'split --max 1 ","')
