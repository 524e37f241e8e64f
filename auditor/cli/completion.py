"""`completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script for SHELL: `eval "$(backend-audit completion bash)"`."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert made
    click.echo(made(root, {}, "backend-audit", "_BACKEND_AUDIT_COMPLETE").source())
    return 0
