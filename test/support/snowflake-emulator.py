"""fakesnow, an emulator of Snowflake that is not ours, as the Node SDK and our tests need it.

Run as: python snowflake-emulator.py PORT USERS, where USERS is JSON: {"NAME": {"password": …, "public_key": …, "role": …}}.

What is added to fakesnow 0.12.1, and why:
- results: it answers in Arrow, the Node SDK reads JSON rows;
- logins: it lets everybody in; here a password is compared, and a JWT verified against the public key;
- grants: it has none; here the role READER may look and not write, and databases are not made by a login;
- COPY: it lets DuckDB guess types (1.50 would become 1.5) and knows few of the options of FILE_FORMAT; here
  DuckDB reads texts, quoted as RFC 4180 has it, and the options are compared with what is written here;
- the user's stage @~, REMOVE, EXPLAIN, USE WAREHOUSE, ALTER SESSION, IS_ROLE_IN_SESSION, CHECK: it has none;
- transactions: DuckDB refuses a second writer of a row where Snowflake lets it wait, and reads a snapshot
  where Snowflake reads what is committed. So explicit transactions run one after another, which is an order
  that Snowflake may choose as well; one that is idle is rolled back once another waits (in Snowflake after
  five minutes, here after IDLE seconds).
"""

import asyncio
import base64
import contextlib
import gzip
import importlib
import json
import os
import re
import shutil
import struct
import sys
import tempfile
import time
from string import Template

tempfile.tempdir = os.getcwd()  # where the stage is kept

import duckdb
import pyarrow as pa
import snowflake.connector.errors as errors
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from fakesnow import info_schema, macros
from fakesnow.instance import FakeSnow
from fakesnow.transforms import stage
from sqlglot import exp
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

# The package has functions of these names as well.
server = importlib.import_module("fakesnow.server")
copy_into = importlib.import_module("fakesnow.copy_into")
cursor = importlib.import_module("fakesnow.cursor")

IDLE = 4
DATABASE, SCHEMA, WAREHOUSE = "TEST", "PUBLIC", "COMPUTE_WH"
USERS = json.loads(sys.argv[2])

fake = server.shared_fs = FakeSnow(create_database_on_connect=False, create_schema_on_connect=False)
fake.duck_conn.execute(f"ATTACH DATABASE ':memory:' AS {DATABASE}")
fake.duck_conn.execute(info_schema.per_db_creation_sql(DATABASE))
fake.duck_conn.execute(macros.creation_sql(DATABASE))
fake.duck_conn.execute(f"CREATE SCHEMA {DATABASE}.{SCHEMA}")
admin = fake.connect(DATABASE, SCHEMA)
admin.cursor().execute("CREATE STAGE USER_STAGE")
people: dict[str, dict] = {}  # by session token
last_used: dict[str, float] = {}
definitions = asyncio.Lock()
owner: str | None = None

# The options of FILE_FORMAT as the connector must give them, one by one.
FORMAT = {
    "TYPE": "CSV", "COMPRESSION": "GZIP", "ENCODING": "'UTF8'", "RECORD_DELIMITER": r"'\n'",
    "FIELD_DELIMITER": "','", "FIELD_OPTIONALLY_ENCLOSED_BY": "'\"'", "ESCAPE": "NONE",
    "ESCAPE_UNENCLOSED_FIELD": "NONE", "NULL_IF": "()", "EMPTY_FIELD_AS_NULL": "FALSE", "TRIM_SPACE": "FALSE",
    "SKIP_HEADER": "0", "SKIP_BLANK_LINES": "FALSE", "MULTI_LINE": "TRUE",
    "ERROR_ON_COLUMN_COUNT_MISMATCH": "TRUE", "REPLACE_INVALID_CHARACTERS": "FALSE",
    "SKIP_BYTE_ORDER_MARK": "FALSE",
}


def read_csv(self, url):
    columns = ", ".join(f"'column{n}': 'VARCHAR'" for n in range(4))
    names = ", ".join(f"'column{n}'" for n in range(4))
    text = (
        f"read_csv('{url}', auto_detect=false, header=false, delim=',', quote='\"', escape='\"', new_line='\\n', "
        f"columns={{{columns}}}, force_not_null=[{names}], compression='gzip', max_line_size=40000000, "
        f"buffer_size=80000000, parallel=false, strict_mode=true)"
    )
    import sqlglot
    return sqlglot.parse_one(f"SELECT * FROM {text}", read="duckdb").find(exp.Table).this


class Refused(Exception):
    def __init__(self, number, state, message):
        self.number, self.state, self.message = number, state, message


def fault(refused: Refused):
    code = f"{refused.number:06d}"
    data = {"errorCode": code, "sqlState": refused.state, "queryId": "01b00000-0000-0000-0000-000000000000"}
    return JSONResponse({"data": data, "code": code, "message": refused.message, "success": False})


def rows_as_json(answer: dict) -> dict:
    data = answer.get("data") or {}
    if data.get("queryResultFormat") != "arrow":
        if "rowset" in data:
            data["returned"] = len(data["rowset"])
        return answer
    data["queryResultFormat"] = "json"
    raw = base64.b64decode(data.pop("rowsetBase64") or "")
    table = pa.ipc.open_stream(raw).read_all() if raw else None
    columns = [column.to_pylist() for column in table.columns] if table else []
    data["rowset"] = [[text_of(value) for value in row] for row in zip(*columns)]
    data["returned"] = len(data["rowset"])
    data["parameters"] = []
    return answer


def text_of(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        zone = f" {value['timezone']}" if "timezone" in value else ""
        return f"{value['epoch']}.{value['fraction']:09d}{zone}"
    return repr(value) if isinstance(value, float) else str(value)


def answer_of(columns: list[str], rows: list[list]) -> JSONResponse:
    rowtype = [
        {"name": name, "type": "text", "nullable": True, "length": 16777216, "byteLength": 16777216,
         "precision": None, "scale": None, "database": "", "schema": "", "table": "", "collation": None}
        for name in columns
    ]
    data = {
        "rowtype": rowtype, "rowset": rows, "total": len(rows), "returned": len(rows), "parameters": [],
        "queryResultFormat": "json", "queryId": "01b00000-0000-0000-0000-000000000001", "statementTypeId": 0,
        "finalDatabaseName": DATABASE, "finalSchemaName": SCHEMA,
    }
    return JSONResponse({"data": data, "success": True})


def done():
    return answer_of(["status"], [["Statement executed successfully."]])


async def body_of(request) -> dict:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)


async def login(request):
    data = (await body_of(request))["data"]
    user = USERS.get(data["LOGIN_NAME"].upper())
    if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
        if user is None or not is_signed(data["TOKEN"], user.get("public_key"), data):
            return fault(Refused(390144, "08001", "JWT token is invalid. [a1b2]"))
    elif data.get("AUTHENTICATOR") == "OAUTH":
        if user is None or data["TOKEN"] != user.get("token"):
            return fault(Refused(390303, "08001", "Invalid OAuth access token. [a1b2]"))
    elif user is None or data.get("PASSWORD") != user.get("password"):
        return fault(Refused(390100, "08001", "Incorrect username or password was specified."))
    role = request.query_params.get("roleName", "")
    if role and role.upper().strip('"') != user["role"]:
        return fault(Refused(390189, "08004", f"Role '{role}' specified in the connect string is not granted to this user."))
    answer = json.loads((await server.login_request(request)).body)
    answer["data"].update(
        masterToken="master-" + answer["data"]["token"], masterValidityInSeconds=14400, validityInSeconds=3600, sessionId=1,
    )
    people[answer["data"]["token"]] = user
    return JSONResponse(answer)


def is_signed(token: str, public_key: str | None, data: dict) -> bool:
    if public_key is None:
        return False
    head, payload, signature = token.split(".")
    decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    key = serialization.load_pem_public_key(public_key.encode())
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    subject = f"{data['ACCOUNT_NAME'].upper()}.{data['LOGIN_NAME'].upper()}"
    claims = json.loads(decode(payload))
    issuer = f"{subject}.SHA256:{base64.b64encode(digest.finalize()).decode()}"
    try:
        key.verify(decode(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except Exception:
        return False
    return claims["iss"] == issuer and claims["sub"] == subject


async def renew(request):
    token = (await body_of(request))["oldSessionToken"]
    if token not in server.sessions:
        return fault(Refused(390114, "08001", "Authentication token has expired. The user must authenticate again."))
    data = {"sessionToken": token, "validityInSecondsST": 3600, "masterToken": "master-" + token, "validityInSecondsMT": 14400}
    return JSONResponse({"data": data, "success": True})


async def query(request):
    token = server.to_token(request)
    if token not in server.sessions:
        body = {"data": None, "code": "390104", "message": "User must login again.", "success": False, "headers": None}
        return JSONResponse(body, status_code=401)
    last_used[token] = time.monotonic()
    body = await body_of(request)
    try:
        return await answer(request, token, body)
    except Refused as refused:
        return fault(refused)
    finally:
        last_used[token] = time.monotonic()


async def answer(request, token: str, body: dict):
    global owner
    sql = body["sqlText"].strip()
    word = re.match(r"\w+", sql)[0].upper()
    user = people[token]
    if word == "BEGIN":
        await take_turn(token)
    if word == "ALTER" and re.match(r"ALTER SESSION", sql):
        return done()
    if word == "USE":
        if re.search(r"WAREHOUSE \"?(\w+)", sql)[1].upper() != WAREHOUSE or user.get("no_warehouse"):
            raise Refused(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
        return done()
    if match := re.match(r"SELECT CURRENT_(ROLE|WAREHOUSE)\(\) AS NAME", sql):
        return answer_of(["NAME"], [[user["role"] if match[1] == "ROLE" else WAREHOUSE]])
    if match := re.match(r"SELECT IS_ROLE_IN_SESSION\('(.*)'\) AS HELD", sql):
        return answer_of(["HELD"], [["true" if match[1] == user["role"] else "false"]])
    if re.search(r"\"(?!TEST\")\w+\"\.\"PUBLIC\"", sql):
        raise Refused(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
    if sql.startswith("SHOW GRANTS ON SCHEMA"):
        columns = ["privilege", "granted_on", "grantee_name", "granted_to"]
        return answer_of(columns, [["OWNERSHIP", "SCHEMA", "LOADER", "ROLE"], ["USAGE", "SCHEMA", "READER", "ROLE"]])
    if word in ("INSERT", "UPDATE", "COPY", "CREATE", "EXPLAIN") and user["role"] == "READER":
        raise Refused(3001, "42501", "SQL access control error:\nInsufficient privileges to operate on table.")
    if word == "EXPLAIN":
        return answer_of(["content"], [["GlobalStats"]])
    if word == "REMOVE":
        removed = await run_in_threadpool(remove, sql)
        return answer_of(["name", "result"], [[name, "removed"] for name in removed])
    if word == "COPY":
        sql = checked_copy(sql)
    if match := re.match(r"SHOW COLUMNS IN TABLE \"TEST\".\"PUBLIC\".\"(.*)\"$", sql, re.S):
        return await run_in_threadpool(show_columns, match[1].replace('""', '"'))
    sql = re.sub(r"'@~/([^']*)'", r"@USER_STAGE/\1", sql)
    put = re.search(r"AUTO_COMPRESS.*$", sql) if word == "PUT" else None
    if put:
        sql = sql.replace(put[0], "AUTO_COMPRESS = FALSE")
    # DuckDB refuses the second of two that make a table at once.
    async with definitions if word == "CREATE" else contextlib.nullcontext():
        reply = await forward(request, {**body, "sqlText": sql})
    if put and reply.get("success"):
        reply["data"].update(autoCompress=False, sourceCompression="gzip", overwrite="OVERWRITE = TRUE" in put[0])
        reply["data"]["stageInfo"].update(region="", useRegionalUrl=False, endPoint="")
    if word in ("COMMIT", "ROLLBACK"):
        give_turn(token)
    status = 200 if reply.pop("status", 200) == 200 else 500
    return JSONResponse(rows_as_json(reply), status_code=status)


async def forward(request, body: dict) -> dict:
    """Has fakesnow answer it, with its own handler."""
    raw = json.dumps(body).encode()
    scope = {**request.scope, "headers": [(k, v) for k, v in request.scope["headers"] if k != b"content-encoding"]}

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    from starlette.requests import Request

    response = await server.query_request(Request(scope, receive))
    return {**json.loads(response.body), "status": response.status_code}


async def take_turn(token: str):
    global owner
    while owner is not None and owner != token:
        if owner not in server.sessions or time.monotonic() - last_used.get(owner, 0) > IDLE:
            idle = owner
            await run_in_threadpool(roll_back, idle)
            if owner == idle:
                owner = None
            continue
        await asyncio.sleep(0.01)
    owner = token


def give_turn(token: str):
    global owner
    if owner == token:
        owner = None


def roll_back(token: str):
    connection = server.sessions.get(token)
    if connection is None:
        return
    try:
        connection._duck_conn.interrupt()
        connection._duck_conn.rollback()
    except duckdb.Error:
        pass


def checked_copy(sql: str) -> str:
    """The same with the options alone that fakesnow knows; the others must be as DuckDB has them."""
    given = re.search(r"FILE_FORMAT = \((.*)\)\s+ON_ERROR = ABORT_STATEMENT FORCE = TRUE$", sql, re.S)[1]
    options = dict(re.findall(r"(\w+) = ('(?:[^']|'')*'|\(\)|\w+)", given))
    if options != FORMAT:
        raise Refused(1003, "42000", f"SQL compilation error:\nunexpected FILE_FORMAT: {set(options.items()) ^ set(FORMAT.items())}")
    known = "TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"' COMPRESSION = GZIP"
    return sql.replace(given, known)


def remove(sql: str) -> list[str]:
    path = re.match(r"REMOVE '@~/(.*)'", sql)[1]
    folder = os.path.join(stage.LOCAL_BUCKET_PATH, DATABASE, SCHEMA, "USER_STAGE", path)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    shutil.rmtree(folder, ignore_errors=True)
    return [f"{path}{name}" for name in names]


def show_columns(table: str):
    """fakesnow's own breaks on quotes in the name, and says that every column may be null."""
    rows = admin._duck_conn.cursor().execute(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_catalog = ? AND table_schema = ? AND table_name = ? ORDER BY ordinal_position",
        [DATABASE, SCHEMA, table],
    ).fetchall()
    if not rows:
        raise Refused(2003, "42S02", "SQL compilation error:\nTable does not exist or not authorized.")
    lengths = dict(admin._duck_conn.cursor().execute(
        "SELECT ext_column_name, ext_character_maximum_length FROM _fs_global._fs_information_schema._fs_columns_ext "
        "WHERE ext_table_name = ?", [table]).fetchall())
    kinds = {"VARCHAR": "TEXT", "DOUBLE": "REAL", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ", "TIMESTAMP": "TIMESTAMP_NTZ"}
    described = []
    for name, kind, nullable, default in rows:
        kind = kinds.get(kind, "FIXED" if kind.startswith(("DECIMAL", "BIGINT", "INTEGER")) else kind)
        length = lengths.get(name) or 16777216
        sizes = {"length": length, "byteLength": min(length * 4, 16777216 if length <= 16777216 else 134217728)} if kind == "TEXT" else {}
        text = json.dumps({"type": kind, **sizes, "nullable": nullable == "YES"})
        described.append([table, SCHEMA, name, text, default or "", "COLUMN", ""])
    return answer_of(["table_name", "schema_name", "column_name", "data_type", "default", "kind", "autoincrement"], described)


async def session(request):
    token = server.to_token(request)
    if request.query_params.get("delete") and token in server.sessions:
        await run_in_threadpool(roll_back, token)
        give_turn(token)
    return await server.session(request)


async def administer(request):
    """A statement of the tests' own, as DuckDB takes it; floats by their bits."""
    sql = (await request.body()).decode()
    found = await run_in_threadpool(lambda: admin._duck_conn.cursor().execute(sql).fetchall())
    bits = lambda value: struct.pack(">d", value).hex() if isinstance(value, float) else value
    return JSONResponse([[bits(value) for value in row] for row in found])


async def administer_as_snowflake(request):
    sql = (await request.body()).decode()
    connection = fake.connect(DATABASE, SCHEMA)
    await run_in_threadpool(lambda: connection.cursor().execute(sql))
    return JSONResponse([])


async def staged(request):
    """The files in the stage, with their contents."""
    root = os.path.join(stage.LOCAL_BUCKET_PATH, DATABASE, SCHEMA, "USER_STAGE")
    files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    return JSONResponse(sorted(files))


def translated(execute):
    """What DuckDB refuses in a row, as Snowflake says it."""

    def run(self, *args, **kwargs):
        try:
            return execute(self, *args, **kwargs)
        except duckdb.ConstraintException as error:
            raise errors.ProgrammingError(msg=str(error), errno=100072, sqlstate="22000") from None
        except duckdb.TransactionException as error:
            raise errors.ProgrammingError(msg=str(error), errno=625, sqlstate="57014") from None
        except duckdb.IOException as error:
            raise errors.ProgrammingError(msg=str(error), errno=91016, sqlstate="02000") from None

    return run


def source_urls(source, files):
    """fakesnow's own takes FILES of an external stage alone."""
    return [source + file for file in files]


def text_lengths(insert):
    """fakesnow's own breaks on a quote in the table's name."""

    def sql(catalog, schema, table, lengths):
        return insert(catalog, schema, table.replace("'", "''"), lengths)

    return sql


cursor.SQL_CREATED_TABLE = Template("SELECT 'Table successfully created.' AS status")  # it breaks on a quote, too
info_schema.insert_text_lengths_sql = text_lengths(info_schema.insert_text_lengths_sql)
copy_into.ReadCSV.read_expression = read_csv
copy_into._source_urls = source_urls
cursor.FakeSnowflakeCursor.execute = translated(cursor.FakeSnowflakeCursor.execute)
app = Starlette(
    routes=[
        Route("/session/v1/login-request", login, methods=["POST"]),
        Route("/session/token-request", renew, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/queries/{id}/abort-request", lambda _: JSONResponse({"success": True}), methods=["POST"]),
        Route("/session", session, methods=["POST"]),
        Route("/telemetry/send", lambda _: JSONResponse({"success": True}), methods=["POST"]),
        Route("/test/sql", administer, methods=["POST"]),
        Route("/test/snowflake", administer_as_snowflake, methods=["POST"]),
        Route("/test/staged", staged, methods=["GET"]),
        *server.routes,
    ]
)
try:
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
finally:
    shutil.rmtree(stage.LOCAL_BUCKET_PATH, ignore_errors=True)
