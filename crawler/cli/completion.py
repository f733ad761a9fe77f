"""``crawler completion``: click's scripts, but for what they leave out.

A value that stands behind a flag and ``=`` is completed in its place, and of a description that
has commas nothing is lost.
"""

import os

import click

VARIABLE = "_CRAWLER_COMPLETE"


@click.command(short_help="Print what completes the command in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a script with which the shell completes verbs, flags, choices and files.

    \b
    bash: put  eval "$(crawler completion bash)"  into ~/.bashrc
    zsh:  put  eval "$(crawler completion zsh)"  into ~/.zshrc, after compinit
    fish: crawler completion fish > ~/.config/fish/completions/crawler.fish
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    scripts = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    root = click.get_current_context().find_root().command
    text = scripts[shell](root, {}, "crawler", VARIABLE).source()
    for ours, theirs in _BETTER[shell].items():
        text = text.replace(theirs, ours)
    click.echo(text, nl=False)
    return 0


def join_flags() -> None:
    """Have bash's words put together again where this process is asked to complete them.

    To bash ``--scope=do`` is three words, of which it wants the last completed.
    """
    if os.environ.get(VARIABLE) != "bash_complete":
        return
    from click.shell_completion import BashComplete, add_completion_class

    class Bash(BashComplete):
        def get_completion_args(self) -> tuple[list[str], str]:
            args, incomplete = super().get_completion_args()
            return (args[:-1] if args[-1:] == ["="] else args), incomplete

    add_completion_class(Bash)


_BETTER = {
    "bash": {},
    "zsh": {
        "    local -a response\n    [[ $PREFIX == --*=* ]] && compset -P 1 '*='\n": (
            "    local -a response\n"
        ),
        'compadd -i "$IPREFIX" -U': "compadd -U",
    },
    "fish": {
        "    set -l flag (string match --regex -- '^--[^=]*=' (commandline -t));\n"
        "    for completion in": "    for completion in",
        'string split --max 1 "," -- $completion': 'string split "," $completion',
        'echo "$flag"$metadata[2]': "echo $metadata[2]",
        'for path in (__fish_complete_path $metadata[2]); echo "$flag"$path; end': (
            "__fish_complete_path $metadata[2]"
        ),
    },
}
"""By shell: what stands in the place of what in click's script."""
