"""What a job is found by."""

from sqlalchemy import BigInteger, Integer, Text
from sqlmodel import Field

from casemill.models.columns import Table

NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite takes only an INTEGER for the row's own number


class JobText(Table, table=True):
    """A job's id, name, argument values and error, under its number; kept so by triggers of the database.

    Beside jobs and not in it, so that a job whose progress changes every second does not touch the index
    over these texts.
    """

    __tablename__ = "job_texts"

    number: int = Field(sa_type=NUMBER, primary_key=True, sa_column_kwargs={"autoincrement": False})  # pyright: ignore[reportArgumentType]  an instance is fine
    text: str = Field(sa_type=Text)
