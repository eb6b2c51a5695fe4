#!/usr/bin/env python3
"""The log of changes at its limits: logical replication, two-phase commit over a crash, a full disk, lock time-outs, a million rows, many
transactions, proofs checked by an outsider, and the bytes of WAL that a row may cost."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import audit_proof  # noqa: E402
from cluster import ROOT, Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

TABLE = "CREATE TABLE parcel (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note text); SELECT ticketflow.audit_enable('parcel');"
SETUP = "CREATE EXTENSION ticketflow; CALL ticketflow.deploy();" + TABLE
RECORDED = "SELECT string_agg(operation, ' ' ORDER BY id) FROM audit_log WHERE table_name = 'parcel'"


def resident(cluster, statement):
    """Kilobytes of its own memory that a session grows by while it runs a statement."""
    read = "\\! grep RssAnon /proc/$BACKEND/status\n"
    out = cluster.sql("SELECT pg_backend_pid() AS pid \\gset\n\\setenv BACKEND :pid\nUPDATE parcel SET n = n WHERE false;\n" + read + statement + "\n" + read)
    first, last = (int(line.split()[1]) for line in out.splitlines() if line.startswith("RssAnon"))
    return last - first


def replication(publisher):
    with Cluster() as subscriber:
        subscriber.sql(SETUP)
        publisher.sql("CREATE PUBLICATION parcels FOR TABLE parcel")
        subscriber.sql(f"CREATE SUBSCRIPTION s CONNECTION 'host={publisher.folder} user=postgres dbname=postgres' PUBLICATION parcels")

        def catch_up():
            subscriber.wait_for(f"SELECT count(*) = 1 FROM pg_stat_subscription WHERE latest_end_lsn >= '{publisher.sql('SELECT pg_current_wal_lsn()')}'")
        subscriber.wait_for("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
        publisher.sql("INSERT INTO parcel VALUES (1, 1, 'a'); UPDATE parcel SET n = 2; INSERT INTO parcel VALUES (2); DELETE FROM parcel WHERE id = 2")
        catch_up()
        equal(subscriber.sql("SELECT * FROM parcel"), "1|2|a", "changes are applied at a subscriber")
        equal(subscriber.sql(RECORDED), "", "and not recorded a second time")
        subscriber.sql("ALTER TABLE parcel ENABLE ALWAYS TRIGGER ticketflow_audit")
        publisher.sql("UPDATE parcel SET n = 3, note = 'b'; DELETE FROM parcel; INSERT INTO parcel VALUES (5)")
        catch_up()
        subscriber.wait_for("SELECT count(*) = 1 FROM parcel WHERE id = 5")
        equal(subscriber.sql(RECORDED), "UPDATE DELETE INSERT", "unless the trigger is enabled always")
        equal(subscriber.sql("SELECT fires FROM ticketflow.audit_tables WHERE table_name = 'parcel'"), "always", "which audit_tables shows")
        subscriber.sql("SELECT ticketflow.audit_seal()")
        equal(subscriber.sql("SELECT count(*) FROM ticketflow.audit_verify()"), "0", "the subscriber's own log verifies")
        publisher.sql("CREATE PUBLICATION logs FOR TABLE audit_log; DELETE FROM audit_log WHERE id = -1")
        ok(True, "a published log lets its owner delete")
        subscriber.sql("ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE)")
        subscriber.sql("DROP SUBSCRIPTION s")
    publisher.sql("SELECT pg_drop_replication_slot('s'); DROP PUBLICATION parcels; DROP PUBLICATION logs; DELETE FROM parcel")


def two_phases(cluster):
    before = cluster.sql("SELECT count(*) FROM audit_log")
    cluster.sql("BEGIN; INSERT INTO parcel VALUES (10); UPDATE parcel SET n = 1 WHERE id = 10; PREPARE TRANSACTION 'one'")
    cluster.sql("BEGIN; INSERT INTO parcel VALUES (11); PREPARE TRANSACTION 'two'")
    cluster.sql("SELECT ticketflow.audit_seal()")
    cluster.kill()
    cluster.start()
    equal(cluster.sql("SELECT count(*) FROM audit_log"), before, "a prepared transaction's rows are not there yet")
    cluster.sql("COMMIT PREPARED 'one'")
    cluster.sql("ROLLBACK PREPARED 'two'")
    equal(cluster.sql("SELECT string_agg(operation, ' ' ORDER BY id) FROM audit_log WHERE record_key = '{\"id\": 10}'"), "INSERT UPDATE", "what was committed after a crash has its rows")
    equal(cluster.sql("SELECT count(*) FROM audit_log WHERE record_key = '{\"id\": 11}'"), "0", "what was rolled back has none")
    cluster.sql("SELECT ticketflow.audit_seal()")
    equal(cluster.sql("SELECT count(*) FROM ticketflow.audit_verify()"), "0", "and the next seal has them")


def refusals(cluster):
    blocked = cluster.sql("BEGIN; LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE; \\! psql -XqAt -c \"SET lock_timeout = '200ms'; INSERT INTO parcel VALUES (20)\" 2>&1\nROLLBACK")
    ok("lock timeout" in blocked, "a log that is locked fails the write by its lock_timeout", blocked)
    equal(cluster.sql("SELECT count(*) FROM parcel WHERE id = 20"), "0", "the change is not there without its row")


def full_disk(cluster):
    cluster.sql(SETUP + "CREATE TABLE brim (id int PRIMARY KEY); SELECT ticketflow.audit_enable('brim')")
    cluster.stop()
    # No file may grow beyond this, which is more than a file of WAL: what a full disk looks like to the server.
    cluster.start(f"prlimit --pid $$ --fsize={20 * 1024 * 1024}; ")
    said = cluster.sql("INSERT INTO brim SELECT n FROM generate_series(1, 150000) n", check=False)
    ok("could not extend file" in said, "a log that cannot grow fails the write", said)
    equal(cluster.sql("SELECT count(*) FROM brim"), "0", "which leaves nothing")
    cluster.sql("VACUUM audit_log; INSERT INTO brim VALUES (1)")
    equal(cluster.sql("SELECT count(*) FROM audit_log WHERE table_name = 'brim'"), "1", "and where there is room again, changes are recorded")
    cluster.stop()
    cluster.start()


def many(cluster):
    # What they are is not the point here: the rows come in unrecorded.
    cluster.sql("SET session_replication_role = replica; INSERT INTO parcel SELECT n FROM generate_series(100, 1000099) n")
    grown = resident(cluster, "UPDATE parcel SET n = n + 1;")
    ok(grown < 90_000, "a million-row update grows the session by its queue of events and little more", f"{grown} kB")
    equal(cluster.sql("SELECT count(*) FROM audit_log WHERE table_name = 'parcel' AND operation = 'UPDATE' AND new_values = '{\"n\": 1}' AND record_key <> '{\"id\": 10}'"), "1000000", "and records each row")
    grown = resident(cluster, "DO $$ BEGIN FOR i IN 1..30000 LOOP UPDATE parcel SET n = i WHERE id = 100 + i % 50; COMMIT; END LOOP; END $$;")
    ok(grown < 3_000, "thirty thousand transactions leave a session as it was", f"{grown} kB")
    cluster.sql("SELECT ticketflow.audit_seal()")
    equal(cluster.sql("SELECT sum(row_count) - (SELECT count(*) FROM audit_log) - (SELECT count(*) FROM task_history) FROM audit_seals"), "0", "one seal closes them all")


def proofs(cluster):
    cluster.sql("UPDATE parcel SET note = 'seen' WHERE id BETWEEN 100 AND 299")
    cluster.sql("SELECT ticketflow.audit_seal()")
    newest = json.loads(cluster.sql("SELECT ticketflow.audit_digest()"))
    kept = {newest["seal"]: newest["digest"]}
    ids = cluster.sql("SELECT unnest(ids[10:15]) FROM audit_seal_leaves WHERE seal_id = (SELECT max(id) FROM audit_seals)").split()
    found = [json.loads(cluster.sql(f"SELECT ticketflow.audit_proof({one})")) for one in ids]
    found = [proof for proof in found if proof["seal"]["id"] in kept]
    ok(len(found) > 3 and all(audit_proof.holds(proof, kept[proof["seal"]["id"]]) for proof in found), f"an outsider follows {len(found)} proofs to the seal she kept")
    fields = audit_proof.fields_of(bytes.fromhex(found[0]["row"]))
    row = json.loads(cluster.sql(f"SELECT to_jsonb(a) FROM audit_log a WHERE id = {found[0]['id']}"))
    equal([fields[1].decode(), fields[4].decode(), json.loads(fields[9])], [str(row["id"]), row["table_name"], row["new_values"]], "and reads in them what was changed")
    forged = dict(found[0], row=found[0]["row"].replace(b"parcel".hex(), b"barrel".hex()))
    ok(not audit_proof.holds(forged, kept[forged["seal"]["id"]]), "another row does not hold")
    ok(not audit_proof.holds(dict(found[0], index=found[0]["index"] ^ 1), kept[found[0]["seal"]["id"]]), "nor does another place")


def wal(cluster):
    out = cluster.command("createdb", "bench") + cluster.command("env", "PGDATABASE=bench", f"{ROOT}/bench/audit/run", "--rows", "8000", "--rounds", "1", "--only", "bulk,oracle",
                                                                 "--ways", "ours,ours desk", "--gate", check=False)
    ok("bytes of WAL a row, more than" not in out and "looking back: 0 of" in out, "a row costs no more WAL than it may, and looking back is right", out)


def main():
    with Cluster("wal_level = logical") as cluster:
        cluster.sql(SETUP)
        replication(cluster)
        two_phases(cluster)
        many(cluster)
        refusals(cluster)
        proofs(cluster)
    with Cluster() as cluster:
        full_disk(cluster)
        wal(cluster)
    done()


main()
