"""What PostgreSQL itself keeps true in every write: the same as in casemill.migrations.sqlite_triggers."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from casemill.errors import CasemillError

SEARCH_INDEX = "ix_job_texts_text"

_LONGEST = 20_000  # characters of an error that are searched: what is kept of parameters, too

_TEXT = """
CREATE FUNCTION casemill_job_text(id uuid, name text, error_type text, error text, parameters json)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    given text;
BEGIN
    BEGIN
        SELECT string_agg(part #>> '{{}}', E'\\n') INTO given
        FROM jsonb_path_query(parameters::jsonb, 'strict $.**') AS part
        WHERE jsonb_typeof(part) IN ('string', 'number');
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        given := parameters::text;  -- json holds what jsonb refuses; a job is recorded all the same
    END;
    RETURN lower(concat_ws(E'\\n', id, name, error_type, left(error, {longest}), given){collation});
END $$
"""

_FUNCTIONS = {
    "casemill_number_job": """
    BEGIN
        NEW.number := nextval('job_numbers');
        RETURN NEW;
    END""",
    "casemill_keep_job_text": """
    BEGIN
        IF TG_OP = 'DELETE' THEN
            DELETE FROM job_texts WHERE number = OLD.number;
            RETURN NULL;
        END IF;
        INSERT INTO job_texts (number, text)
        VALUES (NEW.number, casemill_job_text(NEW.id, NEW.name, NEW.error_type, NEW.error, NEW.parameters))
        ON CONFLICT (number) DO UPDATE SET text = EXCLUDED.text;
        RETURN NULL;
    END""",
    "casemill_own_attempt": """
    BEGIN
        NEW.user_id := (SELECT user_id FROM jobs WHERE id = NEW.job_id);
        RETURN NEW;
    END""",
    "casemill_own_attempts": """
    BEGIN
        UPDATE task_attempts SET user_id = NEW.user_id
        WHERE job_id = NEW.id AND user_id IS DISTINCT FROM NEW.user_id;
        RETURN NULL;
    END""",
    "casemill_mark_stale": """
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            PERFORM casemill_mark_stale_hour(OLD.finished_at);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            PERFORM casemill_mark_stale_hour(NEW.finished_at);
        END IF;
        RETURN NULL;
    END""",
}

# The mark stays locked until the writer's transaction ends: whoever recounts the hour takes the mark away
# first, so it either waits for what the writer did or leaves the mark that the writer needs. Shared, since
# several may write in one hour at once.
_MARK = """
CREATE FUNCTION casemill_mark_stale_hour(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    this timestamptz := date_trunc('hour', at, 'UTC');
BEGIN
    WHILE this IS NOT NULL LOOP
        PERFORM FROM stale_hours WHERE hour = this FOR KEY SHARE;
        EXIT WHEN FOUND;
        INSERT INTO stale_hours (hour) VALUES (this) ON CONFLICT DO NOTHING;
    END LOOP;
END $$
"""

_TRIGGERS = {
    "jobs_number": ("jobs", "BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION casemill_number_job()"),
    "jobs_text": (
        "jobs",
        "AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION casemill_keep_job_text()",
    ),
    "jobs_text_update": (
        "jobs",
        """AFTER UPDATE OF name, parameters, error_type, error ON jobs FOR EACH ROW
        WHEN (OLD.name IS DISTINCT FROM NEW.name OR OLD.parameters::text IS DISTINCT FROM NEW.parameters::text
            OR OLD.error_type IS DISTINCT FROM NEW.error_type OR OLD.error IS DISTINCT FROM NEW.error)
        EXECUTE FUNCTION casemill_keep_job_text()""",
    ),
    "jobs_user_insert": (
        "jobs",
        """AFTER INSERT ON jobs FOR EACH ROW WHEN (NEW.user_id IS NOT NULL)
        EXECUTE FUNCTION casemill_own_attempts()""",
    ),
    "jobs_user_update": (
        "jobs",
        """AFTER UPDATE OF user_id ON jobs FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id)
        EXECUTE FUNCTION casemill_own_attempts()""",
    ),
    "attempts_user_insert": (
        "task_attempts",
        """BEFORE INSERT ON task_attempts FOR EACH ROW WHEN (NEW.job_id IS NOT NULL)
        EXECUTE FUNCTION casemill_own_attempt()""",
    ),
    "attempts_user_update": (
        "task_attempts",
        """BEFORE UPDATE OF job_id ON task_attempts FOR EACH ROW
        WHEN (OLD.job_id IS DISTINCT FROM NEW.job_id) EXECUTE FUNCTION casemill_own_attempt()""",
    ),
    "attempts_stale_insert": (
        "task_attempts",
        """AFTER INSERT ON task_attempts FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL)
        EXECUTE FUNCTION casemill_mark_stale()""",
    ),
    "attempts_stale_update": (
        "task_attempts",
        """AFTER UPDATE OF finished_at, status, function, duration ON task_attempts FOR EACH ROW
        WHEN (coalesce(OLD.finished_at, NEW.finished_at) IS NOT NULL
            AND (OLD.finished_at IS DISTINCT FROM NEW.finished_at OR OLD.status IS DISTINCT FROM NEW.status
                OR OLD.function IS DISTINCT FROM NEW.function OR OLD.duration IS DISTINCT FROM NEW.duration))
        EXECUTE FUNCTION casemill_mark_stale()""",
    ),
    "attempts_stale_delete": (
        "task_attempts",
        """AFTER DELETE ON task_attempts FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)
        EXECUTE FUNCTION casemill_mark_stale()""",
    ),
}


def install(connection: Connection) -> None:
    """Makes the triggers, and what they would have made of the rows there are."""
    execute = connection.exec_driver_sql
    _need_trigrams(connection)
    execute("CREATE SEQUENCE job_numbers")
    execute(_TEXT.format(longest=_LONGEST, collation=_collation(connection)))
    execute("UPDATE jobs SET number = nextval('job_numbers')")
    execute(
        "INSERT INTO job_texts (number, text)"
        " SELECT number, casemill_job_text(id, name, error_type, error, parameters) FROM jobs"
    )
    execute(f"CREATE INDEX {SEARCH_INDEX} ON job_texts USING gin (text gin_trgm_ops)")
    execute("UPDATE task_attempts SET user_id = jobs.user_id FROM jobs WHERE jobs.id = job_id")
    execute(
        "INSERT INTO stale_hours (hour) SELECT DISTINCT date_trunc('hour', finished_at, 'UTC')"
        " FROM task_attempts WHERE finished_at IS NOT NULL ON CONFLICT DO NOTHING"
    )
    execute(_MARK)
    for name, body in _FUNCTIONS.items():
        execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body} $$")
    for name, (_, body) in _TRIGGERS.items():
        execute(f"CREATE TRIGGER {name} {body}")


def remove(connection: Connection) -> None:
    """The extension stays: others may use it."""
    execute = connection.exec_driver_sql
    for name, (table, _) in _TRIGGERS.items():
        execute(f"DROP TRIGGER {name} ON {table}")
    for name in (*_FUNCTIONS, "casemill_mark_stale_hour", "casemill_job_text"):
        execute(f"DROP FUNCTION {name}")
    execute(f"DROP INDEX {SEARCH_INDEX}")
    execute("DROP SEQUENCE job_numbers")


def _need_trigrams(connection: Connection) -> None:
    """Any owner of a database may create the extension, where the server has it."""
    if connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'").first():
        return
    try:
        connection.exec_driver_sql("CREATE EXTENSION pg_trgm")
    except DBAPIError as error:
        raise CasemillError(
            "Searching jobs needs PostgreSQL's extension pg_trgm, which could not be created "
            f"({str(error.orig).strip()}). It comes with the packages postgresql-contrib or, on Debian, "
            "postgresql; somebody who may has to run `CREATE EXTENSION pg_trgm` in this database once"
        ) from error


def _collation(connection: Connection) -> str:
    """One that knows the small letters of all languages, whatever the database's own is."""
    known = connection.exec_driver_sql("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'").first()
    return ' COLLATE "und-x-icu"' if known else ""
