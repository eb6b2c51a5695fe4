#!/usr/bin/env python3
"""ticketflow import, from the outside: formats, refusals, resuming after kill -9. Prints TAP; runs inside test/with_pg."""
import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from tap import ROOT, done, equal, ok, skip_all  # noqa: E402

PROGRAM = os.path.join(ROOT, 'build/cmake/service/ticketflow')


def sql(statement):
    return subprocess.run(['psql', '-XqAt', '-d', database, '-v', 'ON_ERROR_STOP=1', '-c', 'SET search_path = public, ticketflow', '-c', statement],
                          check=True, capture_output=True, text=True).stdout.strip()


def command(path, *options, source='test'):
    return [PROGRAM, 'import', path, '--database', f'dbname={database}', '--source', source, '--author', 'root@example.com',
            '--default', 'category=bug', *options]


def load(path, *options, source='test', stdin=None):
    return subprocess.run(command(path, *options, source=source), input=stdin, capture_output=True, timeout=120)


def sums(result):
    """inserted, updated, unchanged, skipped, rejected as the program says; they must be what was read."""
    words = result.stdout.decode().replace(',', '').split()
    numbers = [int(words[i - 1]) for i, word in enumerate(words) if word in ('records', 'inserted', 'updated', 'unchanged', 'skipped')] + \
        [int(words[i - 1]) for i, word in enumerate(words) if word == 'rejected;']
    return tuple(numbers[1:]) if len(numbers) == 6 and numbers[0] == sum(numbers[1:]) else (result.stdout, result.stderr)


def write(name, content):
    path = os.path.join(folder, name)
    opener = gzip.open if name.endswith('.gz') else open
    with opener(path, 'wb') as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def formats():
    csv = 'Key;Summary;Description;Labels;Labels;Reporter;Points\nC-1;"semi;colon";"two\nlines";red;blue;Zoë Ng;3\nC-2;plain;;;;;\n'
    result = load(write('a.csv', csv), '--map', 'external_id=Key', 'title=Summary', 'tags=Labels', 'created_by=Reporter')
    equal((result.returncode, sums(result)), (0, (2, 0, 0, 0, 0)), 'CSV with semicolons, line feeds and a column that comes twice', result.stderr)
    equal(sql("SELECT title, description, tags, extra FROM tasks JOIN task_sources ON task_id = tasks.id WHERE external_id = 'C-1'"),
         'semi;colon|two\nlines|{red,blue}|{"Points": "3"}', 'is taken whole')
    equal(sql("SELECT first_name || last_name FROM users WHERE email LIKE '%test.invalid'"), 'ZoëNg', 'its author too')

    tsv = 'id\ttitle\tdescription\n1\t"quoted"\tC:\\\\temp\\tx\\ny\n2\tb\t\\N\n'
    equal(sums(load(write('b.tsv.gz', tsv), '--map', 'external_id=id')), (2, 0, 0, 0, 0), 'compressed TSV, columns mapped by their names')
    equal(sql("SELECT title || description FROM tasks JOIN task_sources ON task_id = tasks.id WHERE external_id = '1'"), '"quoted"C:\\temp\tx\ny', 'escapes are read')
    equal(sql("SELECT description IS NULL FROM tasks JOIN task_sources ON task_id = tasks.id WHERE external_id = '2'"), 't', 'and so is null')

    lines = [{'key': 'J-1', 'fields': {'summary': 'nested', 'status': {'name': 'In Progress'}, 'labels': ['a b', 'c'], 'created': 1394000000000}, 'votes': [1, {'n': None}]},
             {'key': 'J-2', 'fields': {'summary': 'é😀'}}]
    result = load('-', '--format', 'jsonl', '--map', 'external_id=key', 'title=fields.summary', 'status=fields.status.name', 'tags=fields.labels',
                  'created_at=fields.created', stdin='\n'.join(map(json.dumps, lines)).encode())
    equal((result.returncode, sums(result)), (0, (2, 0, 0, 0, 0)), 'JSON lines from standard input, with paths', result.stderr)
    equal(sql("SELECT status, tags, created_at = to_timestamp(1394000000), extra -> 'votes' FROM tasks JOIN task_sources ON task_id = tasks.id WHERE external_id = 'J-1'"),
         'in_progress|{"a b",c}|t|[1, {"n": null}]', 'nested members are found and what no field takes is kept')

    equal(sums(load(write('l.csv', 'id,title\nL1,caf\u00e9\n'.encode('latin-1')), '--map', 'external_id=id', '--encoding', 'ISO-8859-1')), (1, 0, 0, 0, 0), 'Latin-1')
    equal(sums(load(write('u.csv', 'id,title\nU1,caf\u00e9\n'.encode('utf-16')), '--map', 'external_id=id', '--encoding', 'UTF-16')), (1, 0, 0, 0, 0), 'UTF-16')
    equal(sql("SELECT count(*) FROM tasks WHERE title = 'café'"), '2', 'arrive as the same text')
    equal(sums(load(write('n.csv', '7,no header\n'), '--columns', 'external_id,title')), (1, 0, 0, 0, 0), 'a file without a header')


def refusals():
    before = sql('SELECT count(*) FROM tasks')
    body = b'id,title,status\n1,ok,open\n2,too few\n3,"open quote,open\n4,\xe9t\xe9,open\n5,nul\x00byte,open\n6,' + b'x' * 256 + b',open\n7,,open\n8,vocabulary,Wontfix\n9,"a"b,open\n10,fine,Closed\n'
    path, report = write('bad.csv', body), os.path.join(folder, 'rejects.tsv')
    for dry in (['--dry-run'], []):
        result = load(path, '--map', 'external_id=id', '--rejects', report, *dry, source='bad')
        equal((result.returncode, sums(result)), (3, (2, 0, 0, 0, 8)), f"bad records are refused and counted{' in a dry run' if dry else ''}", result.stderr)
        with open(report) as file:
            lines = [line.rstrip('\n').split('\t') for line in file][1:]
        equal([(line[0], line[1]) for line in lines], [('3', '22P04'), ('4', '22P04'), ('5', '22021'), ('6', '22021'), ('7', '22001'), ('8', '23502'), ('9', '23503'), ('10', '22P04')],
             'the report has line and SQLSTATE of each', lines)
    ok('byte 0xE9' in lines[2][3] and 'NUL' in lines[3][3] and '"Wontfix"' in lines[6][3], 'and says what is wrong', lines)
    ok('\\\\xE9t\\\\xE9' in sql("SELECT record ->> 'extra' FROM import_rejects WHERE line = 5"), 'the raw record is kept, its bytes made readable')
    equal(int(sql('SELECT count(*) FROM tasks')) - int(before), 2, 'the good ones are in')
    equal(sql("SELECT records, inserted, rejected FROM import_runs WHERE source = 'bad'"), '10|2|8', 'the run has the same sums')

    before = sql('SELECT count(*) FROM import_runs')
    cut = write('cut.tsv.gz', 'id\ttitle\n' + ''.join(f'{i}\tticket {i * 7919}\n' for i in range(5000)))
    with open(cut, 'r+b') as file:
        file.truncate(os.path.getsize(cut) // 2)
    for options, words in (([os.path.join(folder, 'none.csv')], 'cannot open'), ([folder], 'directory'), ([path, '--map', 'titel=title'], 'field "titel"'),
                           ([path, '--map', 'title=Titel', 'external_id=id'], 'no column "Titel"'), ([path], 'external_id'), ([path, '--encoding', 'klingon'], 'unknown encoding'),
                           ([write('x.dat', 'a')], 'format'), ([write('empty.csv', '')], 'empty'), ([write('array.json', '[{}]')], 'JSON array'),
                           ([path, '--map', 'external_id=id', '--desk', 'nowhere'], '3F000'), ([path, '--map', 'external_id=id', '--zone', 'Mars'], '22023')):
        result = load(*options)
        ok(result.returncode == 1 and words in result.stderr.decode(), f'refused: {words}', result.returncode, result.stderr)
    result = subprocess.run([PROGRAM, 'import', path, '--source', 'x', '--database', 'dbname=nowhere'], capture_output=True)
    ok(result.returncode == 1 and b'nowhere' in result.stderr and b'hint' in result.stderr, 'refused: no such database', result.stderr)
    for options in (['--map', 'title'], ['--value', 'status=x'], ['--existing', 'eat'], ['--nonsense'], ['--batch', '0']):
        result = load(path, *options)
        ok(result.returncode > 100 and result.stderr, f"wrong usage: {' '.join(options)}", result.returncode, result.stderr)
    equal(sql('SELECT count(*) FROM import_runs'), before, 'none of them left a trace')
    result = load(cut, '--map', 'external_id=id', '--batch', '100')
    ok(result.returncode == 1 and b'cut off' in result.stderr, 'a compressed file that is cut off is an error', result.stderr)


def large():
    words = ' '.join(f'w{i:x}' for i in range(1000)) * 1
    text = (words + ' ') * (50 * 1024 * 1024 // (len(words) + 1))
    path = write('large.tsv', 'id\ttitle\tdescription\nlarge\tlarge\t' + text + '\nsmall\tafter it\tx\n')
    result = load(path, '--map', 'external_id=id', source='large')
    got = sums(result)
    ok(got in ((2, 0, 0, 0, 0), (1, 0, 0, 0, 1)), 'a description of 50 MB is taken, or refused alone with a reason', got, result.stderr)
    print(f'# 50 MB: {got}', flush=True)
    if got[0] == 2:
        equal(sql("SELECT length(description) FROM tasks WHERE title = 'large'"), str(len(text)), 'whole')
    else:
        ok(sql("SELECT code FROM import_rejects JOIN import_runs r ON r.id = run_id WHERE source = 'large'") == '54000', 'as too large', result.stderr)
    result = load(path, '--map', 'external_id=id', '--max-record', '20', source='limit')
    equal((result.returncode, sums(result)), (3, (1, 0, 0, 0, 1)), 'a lower limit refuses it and goes on', result.stderr)
    sql("DELETE FROM tasks WHERE title = 'large'")


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if sql(condition) == 't':
            return True
        time.sleep(0.05)
    return False


def cut_off(path, source, how):
    """Starts an import, ends it after some 600 records and tells how many are loaded."""
    running = subprocess.Popen(command(path, '--map', 'external_id=id', '--batch', '200', source=source), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ok(wait_for(f"SELECT COALESCE((SELECT records >= 600 FROM import_runs WHERE source = '{source}'), false)"), f'an import runs ({source})')
    if how == 'kill':
        running.send_signal(signal.SIGKILL)
    else:
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketflow import'")
    _, error = running.communicate(timeout=60)
    ok(running.returncode == (-9 if how == 'kill' else 1), 'and is cut off', running.returncode, error)
    if how == 'terminate':
        ok(b'the same command goes on' in error, 'it says how to go on', error)
    wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ticketflow import')")
    return int(sql(f"SELECT records FROM import_runs WHERE source = '{source}'"))


def resuming():
    rows = 4000
    content = 'id,title,description\n' + ''.join(f'R-{i},ticket {i},"line one\nline {i}"\n' for i in range(rows)) + 'R-x,bad,x,y\n'
    for name, source in (('kill.csv', 'kill'), ('kill.csv.gz', 'terminate')):
        path = write(name, content)
        loaded = cut_off(path, source, source)
        ok(600 <= loaded < rows, f'after {loaded} records')
        equal(sql(f"SELECT count(*) FROM task_sources WHERE source = '{source}'"), str(loaded), 'what is counted is there, and no more')
        other = load(path, '--map', 'external_id=id', '--batch', '200', source=source)
        equal((other.returncode, sums(other)), (3, (rows, 0, 0, 0, 1)), 'the same command ends it, with the sums of the whole', other.stderr)
        ok(b'going on with run' in other.stderr, 'from where it stopped', other.stderr)
        equal(sql(f"SELECT count(*), count(DISTINCT ticket_number), min(line), max(line) FROM task_sources JOIN tasks ON tasks.id = task_id WHERE source = '{source}'"),
             f'{rows}|{rows}|2|{rows * 2}', 'each record once, with its line')
        equal(sql(f"SELECT line FROM import_rejects JOIN import_runs r ON r.id = run_id WHERE source = '{source}'"), str(rows * 2 + 2), 'lines are counted from the top')
        again = load(path, '--map', 'external_id=id', source=source)
        equal(sums(again), (0, 0, rows, 0, 1), 'importing again changes nothing')
        equal(sql(f"SELECT string_agg(state, ',' ORDER BY id) FROM import_runs WHERE source = '{source}'"), 'done,done', 'both runs are done')

    path = write('mended.csv', content)
    loaded = cut_off(path, 'mended', 'terminate')
    write('mended.csv', content.replace('R-x,bad,x,y', 'R-x,bad,x y'))
    mended = load(path, '--map', 'external_id=id', '--batch', '200', source='mended')
    equal((mended.returncode, sums(mended)), (0, (rows + 1 - loaded, 0, loaded, 0, 0)), 'a file that was mended meanwhile begins at the top', mended.stderr)

    hold = subprocess.Popen(['psql', '-XqAt', '-d', database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    hold.stdin.write("SET search_path = public, ticketflow; BEGIN; SELECT import_lock('kill'); SELECT 'held';\n")
    hold.stdin.flush()
    while hold.stdout.readline().strip() != 'held':
        pass
    result = load(path, '--map', 'external_id=id', source='kill')
    ok(result.returncode == 1 and b'55P03' in result.stderr, 'two imports from one source at once: the second is refused', result.stderr)
    hold.communicate('ROLLBACK;\n')


def on_terminal(path, *options, source):
    """Imports with a terminal as stderr; what it was sent."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(command(path, '--map', 'external_id=id', *options, source=source), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    sent = b''
    try:
        while piece := os.read(ours, 4096):
            sent += piece
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    result = subprocess.CompletedProcess(running.args, running.wait(60), running.stdout.read(), sent)
    equal((result.returncode, sums(result)), (0, (2000, 0, 0, 0, 0)), f'an import on a terminal ends ({source})', sent)
    return sent.decode()


def progress():
    path = write('bar.csv', 'id,title,padding\n' + ''.join(f'B-{i},ticket {i},{"." * 4000}\n' for i in range(2000)))
    sent = on_terminal(path, '--batch', '100', source='bar')
    drawn = sent.split('\r\x1b[K')
    ok(drawn[0] == '' and drawn[-1] == '' and len(drawn) > 3, 'a bar is drawn in place, again and again, and wiped at the end', repr(sent))
    wrong = [line for line in drawn[1:-1] if not re.fullmatch(r'\[#*\.*\] +\d+%  [\d,]+ records(  [\d,]+/s)?(  \d+:\d\d left)?', line) or len(line) > 79]
    equal(wrong, [], 'each fits into a line and says how far it is', repr(sent))
    shares = [int(line.split('%')[0].split()[-1]) for line in drawn[1:-1]]
    ok(shares == sorted(shares) and shares[-1] > shares[0], 'and it grows', shares)
    equal(on_terminal(path, '--quiet', source='quiet'), '', 'a quiet one draws nothing')
    error = load(path, '--map', 'external_id=id', source='piped').stderr
    ok(b'\r' not in error and b'\x1b' not in error, 'nor one whose messages go elsewhere', error)


def real_tickets():
    data = os.environ.get('TICKETFLOW_DATA', os.path.join(ROOT, '../shared/data'))
    path = os.path.join(data, 'tickets_effort.tsv.gz')
    if not os.path.exists(path):
        ok(True, 'real tickets # SKIP no shared data here')
        return
    before = sql("SELECT count(*) FROM tasks")
    options = ['--map', 'external_id=issuekey', '--default', 'category=feature']
    equal(sums(load(path, *options, '--dry-run', source='deep-se')), (16844, 0, 0, 0, 0), 'a dry run reads 16,844 real tickets')
    equal(sql("SELECT count(*) FROM tasks"), before, 'and makes none')
    result = load(path, *options, source='deep-se')
    equal((result.returncode, sums(result)), (0, (16844, 0, 0, 0, 0)), 'they are imported', result.stderr)
    print('# ' + result.stdout.decode().strip(), flush=True)
    equal(sql("SELECT count(DISTINCT ticket_number), count(*) FROM tasks JOIN task_sources ON task_id = tasks.id WHERE source = 'deep-se'"), '16844|16844', 'each with a number of its own')
    equal(sql("SELECT count(*) FROM task_documents d JOIN task_sources s USING (task_id) WHERE source = 'deep-se'"), '16844', 'a search document')
    equal(sql("SELECT sum((extra ->> 'storypoint')::int) FROM task_sources WHERE source = 'deep-se'"), '112523', 'and the columns that a ticket does not have')
    ok(int(sql("SELECT count(*) FROM api.search_tasks('memory leak', 20) WHERE title ILIKE '%leak%'")) >= 10, 'a search finds what it should')
    equal(sql('SELECT count(*) FROM notifications'), '0', 'nobody was notified of anything')


if not os.path.exists(PROGRAM):
    skip_all(f'{PROGRAM} is not built')
database = subprocess.run([os.path.join(ROOT, 'test/lib/database'), 'desk', f't_import_{os.getpid()}'], check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()
with tempfile.TemporaryDirectory() as folder:
    sql("INSERT INTO users (id, email, role, is_active, is_approved) VALUES ('root', 'root@example.com', 'admin', true, true)")
    formats()
    refusals()
    resuming()
    large()
    progress()
    real_tickets()
subprocess.run(['dropdb', '--force', database], check=False)
done()
