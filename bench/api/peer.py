"""The peer: the same five routes on FastAPI, uvicorn and asyncpg, written as its documentation suggests.

It checks Basic credentials on every call and validates what comes in and goes out, as the API that it is compared with
does; it has no idempotency keys, audit trail, quotas, metrics, traces or access log.
"""

import json
import os
import secrets
from contextlib import asynccontextmanager
from enum import Enum
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel


class Status(str, Enum):
    inserted = "inserted"
    consumed = "consumed"


class NewPayment(BaseModel):
    data: dict[str, Any] = {}
    payment: str


class NewStatus(BaseModel):
    status: Status


class Payment(BaseModel):
    id: int
    status: Status
    data: dict[str, Any]
    payment: str


async def prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10, init=prepare) as pool:
        app.state.pool = pool
        yield


basic = HTTPBasic()
USER, PASS = os.environ["ADMIN_USER"].encode(), os.environ["ADMIN_PASS"].encode()


async def authorize(sent: Annotated[HTTPBasicCredentials, Depends(basic)]) -> None:
    user = secrets.compare_digest(sent.username.encode(), USER)
    word = secrets.compare_digest(sent.password.encode(), PASS)
    if not (user and word):
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


app = FastAPI(lifespan=lifespan)
guarded = [Depends(authorize)]


def minor(text: str) -> int:
    whole, _, cents = text.replace(".", "").partition(",")
    if not whole.isdecimal() or len(cents) != 2 or not cents.isdecimal():
        raise HTTPException(422, "payment is written 12.345,67")
    return int(whole + cents)


def shown(row: asyncpg.Record) -> Payment:
    whole, cents = divmod(row["amount_minor"], 100)
    text = f"{whole:,}".replace(",", ".") + f",{cents:02}"
    return Payment(id=row["id"], status=row["status"], data=row["data"], payment=text)


@app.post("/create", status_code=201, dependencies=guarded)
async def create(wish: NewPayment) -> Payment:
    row = await app.state.pool.fetchrow(
        "INSERT INTO payments (status, data, amount_minor) VALUES ('inserted', $1, $2) RETURNING *",
        wish.data,
        minor(wish.payment),
    )
    return shown(row)


@app.put("/update/{id}", dependencies=guarded)
async def update(id: int, wish: NewStatus) -> Payment:
    row = await app.state.pool.fetchrow("UPDATE payments SET status = $2 WHERE id = $1 RETURNING *", id, wish.status.value)
    if row is None:
        raise HTTPException(404)
    return shown(row)


@app.get("/payment/{id}", dependencies=guarded)
async def read(id: int) -> Payment:
    row = await app.state.pool.fetchrow("SELECT * FROM payments WHERE id = $1", id)
    if row is None:
        raise HTTPException(404)
    return shown(row)


@app.get("/list", dependencies=guarded)
async def list_payments(limit: int = 20) -> list[Payment]:
    rows = await app.state.pool.fetch("SELECT * FROM payments ORDER BY id DESC LIMIT $1", min(limit, 100))
    return [shown(row) for row in rows]


@app.delete("/delete/{id}", status_code=204, dependencies=guarded)
async def delete(id: int) -> Response:
    done = await app.state.pool.execute("DELETE FROM payments WHERE id = $1", id)
    if done == "DELETE 0":
        raise HTTPException(404)
    return Response(status_code=204)


@app.get("/status")
async def status() -> dict[str, str]:
    await app.state.pool.fetchval("SELECT 1")
    return {"status": "ok"}
