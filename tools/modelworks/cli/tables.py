"""Tables for a terminal of 80 columns: a file a row, numbers to the right."""

from rich.table import Table

__all__ = ["file_table", "two_decimals"]


def file_table(title: str | None, caption: str, *columns: str) -> Table:
    """An empty table whose first column is the file's name."""
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("file", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def two_decimals(value: float) -> str:
    """As the study prints its objective; no minus before a zero."""
    return f"{round(value, 2) + 0.0:.2f}"
