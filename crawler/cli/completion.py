"""``crawler completion``."""

import click


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
    click.echo(scripts[shell](root, {}, "crawler", "_CRAWLER_COMPLETE").source(), nl=False)
    return 0
