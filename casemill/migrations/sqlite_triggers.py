"""What SQLite itself keeps true in every write: texts jobs are found by, owners of attempts, stale hours.

Migration 0004 installs these. To change one, a later migration removes and installs them anew; changing a
statement here alone would leave databases that differ by their age.
"""

# ruff: noqa: S608  nothing but our own words is put into these statements

from sqlalchemy import Connection

SEARCH = "job_texts_fts"

_LONGEST = 20_000  # characters of an error that are searched: what is kept of parameters, too
_ID = " || '-' || ".join(
    f"substr(id, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
)
_TEXT = f"""
    {_ID} || char(10) || name || char(10) || coalesce(error_type, '') || char(10)
    || substr(coalesce(error, ''), 1, {_LONGEST}) || char(10)
    || coalesce(CASE WHEN json_valid(parameters) THEN (
        SELECT group_concat(atom, char(10)) FROM json_tree(parameters)
        WHERE type IN ('text', 'integer', 'real')
    ) END, '')"""
_OLD_HOUR = "substr(OLD.finished_at, 1, 13) || ':00:00.000000'"
_NEW_HOUR = "substr(NEW.finished_at, 1, 13) || ':00:00.000000'"

_TRIGGERS = {
    # Texts and their numbers. A job's number is its own, not its rowid: dumps and VACUUM may change those.
    "jobs_text_insert": f"""AFTER INSERT ON jobs BEGIN
        UPDATE jobs SET number = (SELECT coalesce(max(number), 0) + 1 FROM jobs) WHERE id = NEW.id;
        INSERT INTO job_texts (number, text) SELECT number, {_TEXT} FROM jobs WHERE id = NEW.id;
    END""",
    "jobs_text_update": f"""AFTER UPDATE OF name, parameters, error_type, error ON jobs
        WHEN OLD.name IS NOT NEW.name OR OLD.parameters IS NOT NEW.parameters
            OR OLD.error_type IS NOT NEW.error_type OR OLD.error IS NOT NEW.error
    BEGIN
        UPDATE job_texts SET text = (SELECT {_TEXT} FROM jobs WHERE id = NEW.id) WHERE number = NEW.number;
    END""",
    "jobs_text_delete": """AFTER DELETE ON jobs BEGIN
        DELETE FROM job_texts WHERE number = OLD.number;
    END""",
    "job_texts_insert": f"""AFTER INSERT ON job_texts BEGIN
        INSERT INTO {SEARCH} (rowid, text) VALUES (NEW.number, NEW.text);
    END""",
    "job_texts_update": f"""AFTER UPDATE ON job_texts BEGIN
        INSERT INTO {SEARCH} ({SEARCH}, rowid, text) VALUES ('delete', OLD.number, OLD.text);
        INSERT INTO {SEARCH} (rowid, text) VALUES (NEW.number, NEW.text);
    END""",
    "job_texts_delete": f"""AFTER DELETE ON job_texts BEGIN
        INSERT INTO {SEARCH} ({SEARCH}, rowid, text) VALUES ('delete', OLD.number, OLD.text);
    END""",
    # Whose an attempt is: its job's owner, whichever of the two is heard of first.
    "attempts_user_insert": """AFTER INSERT ON task_attempts WHEN NEW.job_id IS NOT NULL BEGIN
        UPDATE task_attempts SET user_id = (SELECT user_id FROM jobs WHERE id = NEW.job_id)
        WHERE id = NEW.id AND user_id IS NOT (SELECT user_id FROM jobs WHERE id = NEW.job_id);
    END""",
    "attempts_user_update": """AFTER UPDATE OF job_id ON task_attempts WHEN OLD.job_id IS NOT NEW.job_id BEGIN
        UPDATE task_attempts SET user_id = (SELECT user_id FROM jobs WHERE id = NEW.job_id)
        WHERE id = NEW.id;
    END""",
    "jobs_user_insert": """AFTER INSERT ON jobs WHEN NEW.user_id IS NOT NULL BEGIN
        UPDATE task_attempts SET user_id = NEW.user_id WHERE job_id = NEW.id;
    END""",
    "jobs_user_update": """AFTER UPDATE OF user_id ON jobs WHEN OLD.user_id IS NOT NEW.user_id BEGIN
        UPDATE task_attempts SET user_id = NEW.user_id WHERE job_id = NEW.id;
    END""",
    # Hours whose rollup an attempt has made wrong.
    "attempts_stale_insert": f"""AFTER INSERT ON task_attempts WHEN NEW.finished_at IS NOT NULL BEGIN
        INSERT OR IGNORE INTO stale_hours (hour) VALUES ({_NEW_HOUR});
    END""",
    "attempts_stale_update": f"""AFTER UPDATE OF finished_at, status, function, duration ON task_attempts
        WHEN coalesce(OLD.finished_at, NEW.finished_at) IS NOT NULL
            AND (OLD.finished_at IS NOT NEW.finished_at OR OLD.status IS NOT NEW.status
                OR OLD.function IS NOT NEW.function OR OLD.duration IS NOT NEW.duration)
    BEGIN
        INSERT OR IGNORE INTO stale_hours (hour) SELECT {_OLD_HOUR} WHERE OLD.finished_at IS NOT NULL;
        INSERT OR IGNORE INTO stale_hours (hour) SELECT {_NEW_HOUR} WHERE NEW.finished_at IS NOT NULL;
    END""",
    "attempts_stale_delete": f"""AFTER DELETE ON task_attempts WHEN OLD.finished_at IS NOT NULL BEGIN
        INSERT OR IGNORE INTO stale_hours (hour) VALUES ({_OLD_HOUR});
    END""",
}


def install(connection: Connection) -> None:
    """Makes the triggers, and what they would have made of the rows there are."""
    execute = connection.exec_driver_sql
    execute(
        f"CREATE VIRTUAL TABLE {SEARCH}"
        " USING fts5(text, content='job_texts', content_rowid='number', tokenize='trigram')"
    )
    execute("UPDATE jobs SET number = rowid")
    execute(f"INSERT INTO job_texts (number, text) SELECT number, {_TEXT} FROM jobs")
    execute(f"INSERT INTO {SEARCH} ({SEARCH}) VALUES ('rebuild')")
    execute("UPDATE task_attempts SET user_id = (SELECT user_id FROM jobs WHERE jobs.id = job_id)")
    execute(
        "INSERT OR IGNORE INTO stale_hours (hour)"
        " SELECT DISTINCT substr(finished_at, 1, 13) || ':00:00.000000' FROM task_attempts"
        " WHERE finished_at IS NOT NULL"
    )
    for name, body in _TRIGGERS.items():
        execute(f"CREATE TRIGGER {name} {body}")


def remove(connection: Connection) -> None:
    for name in _TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.exec_driver_sql(f"DROP TABLE {SEARCH}")
