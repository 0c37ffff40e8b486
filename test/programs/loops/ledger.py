# SPDX-License-Identifier: Apache-2.0
"""Moves money between the accounts of an SQLite database, in one transaction and as fast as it can, so that
pages go to the file before the commit. Told `commit` or `rollback`, it does that and is done; told anything
else, it goes on. Its answer is the number of moves so far, and the sum of all accounts.
usage: ledger.py FILE JOURNAL_MODE"""

import select
import sqlite3
import sys

NR_ACCOUNTS = 1000
MOVES_AT_ONCE = 20


def set_up(path, mode):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {mode}")
    # Pages: the rest is written before the commit.
    database.execute("PRAGMA cache_size = 10")
    database.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER, note TEXT)")
    database.execute("CREATE TABLE moves (count INTEGER)")
    database.execute("CREATE INDEX by_balance ON accounts (balance, note)")
    database.execute("BEGIN")
    database.execute("INSERT INTO moves VALUES (0)")
    accounts = ((i, 1000, f"account {i} " * 20) for i in range(NR_ACCOUNTS))
    database.executemany("INSERT INTO accounts VALUES (?, ?, ?)", accounts)
    database.execute("COMMIT")
    return database


def move(database, number):
    source, target, amount = number * 7919 % NR_ACCOUNTS, number * 104729 % NR_ACCOUNTS, number % 10
    change = "UPDATE accounts SET balance = balance + ? WHERE id = ?"
    database.executemany(change, [(-amount, source), (amount, target)])
    database.execute("UPDATE moves SET count = count + 1")


def main(path, mode):
    database = set_up(path, mode)
    database.execute("BEGIN")
    print("ready", flush=True)
    number = 0
    told = ""
    while told not in ("commit", "rollback"):
        for number in range(number, number + MOVES_AT_ONCE):
            move(database, number)
        number += 1
        if select.select([sys.stdin], [], [], 0)[0]:
            told = sys.stdin.readline().strip()
            if told in ("commit", "rollback"):
                database.execute(told)
            sums = database.execute("SELECT count, (SELECT sum(balance) FROM accounts) FROM moves")
            print(*sums.fetchone(), flush=True)
    database.close()


main(*sys.argv[1:])
