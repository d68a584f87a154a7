#!/usr/bin/env python3
"""Draws ls-light.svg, ls-dark.svg, watch-light.svg, watch-dark.svg from a real run: python3 docs/picture.py

It starts the jobs of a small project under the built program, in a home of its own, and draws what tmux shows
after a minute. Each text between two gaps is set at its own column and stretched to its own width, so columns
stay straight in any font. Needs tmux, and port 3000.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time
from html import escape

DOCS = os.path.dirname(os.path.abspath(__file__))
COLUMNS, ROWS = 96, 14
# so that the log of the chosen job has some lines below the list
WATCH_ROWS = 20

SCHEMES = {
    # GitHub's own colours: back, edge, text, dim, and those of SGR 31-36
    'light': ('#ffffff', '#d1d9e0', '#1f2328', '#656d76',
              ['#cf222e', '#116329', '#7d4e00', '#0969da', '#8250df', '#1b7c83']),
    'dark': ('#0d1117', '#3d444d', '#e6edf3', '#8d96a0',
             ['#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf']),
}
WIDTH, HEIGHT, SIZE, MARGIN = 8.4, 20, 14, 16

PROGRAMS = {
    'bin/npm': '''
case "$*" in
'run build') echo 'bundling 214 modules'; sleep 2; echo 'dist/app.js 187 kB' ;;
'run dev') echo 'ready on http://localhost:3000'; exec python3 -m http.server 3000 >/dev/null 2>&1 ;;
test) sleep 3; echo 'FAIL test/cart.test.ts: expected 3, got 2'; exit 1 ;;
'run lint') while :; do n=$((n+1)); printf '\\033[32mok\\033[0m %s of 340 files\\n' "$n"; sleep 0.5; done ;;
esac
''',
    'project/import': 'while :; do n=$((n+1)); echo "row $((n*37))"; sleep 0.3; done',
    'project/train.py': 'echo "epoch 12/100 loss 0.184"; exec sleep 1000',
}


def pieces_of(line, style):
    """The pieces of a line with their columns and styles, and the style with which the next line begins."""
    column, pieces = 0, []
    for text, codes in re.findall(r'([^\x1b]+)|\x1b\[([\d;]*)m', line):
        if text:
            pieces += [(column + word.start(), word[0], style) for word in re.finditer(r'\S+( \S+)*', text)]
            column += len(text)
            continue
        for code in map(int, (codes or '0').split(';')):
            color, bold, dim, inverse = (None, False, False, False) if code == 0 else style
            if code == 1: bold = True
            if code == 2 or code == 90: dim = True
            if code == 7: inverse = True
            if code == 22: bold = dim = False
            if code == 27: inverse = False
            if 31 <= code <= 36: color = code - 31
            if 91 <= code <= 96: color = code - 91
            if code == 39: color = None
            style = (color, bold, dim, inverse)
    return pieces, style


def draw(lines, scheme, title):
    back, edge, fore, faint, colors = SCHEMES[scheme]
    style, body, marks, widest = (None, False, False, False), [], [], 0
    for row, line in enumerate(lines):
        pieces, style = pieces_of(line, style)
        if any(inverse for *_, (_, _, _, inverse) in pieces):
            marks.append(row)
        for column, text, (color, bold, dim, inverse) in pieces:
            widest = max(widest, column + len(text))
            fill = back if inverse else faint if dim else fore if color is None else colors[color]
            weight = ' font-weight="bold"' if bold else ''
            x, y, length = MARGIN + column * WIDTH, MARGIN + row * HEIGHT + 15, len(text) * WIDTH
            body += [
                f'<text x="{x:.1f}" y="{y}" fill="{fill}"{weight}',
                f' textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>']
    width, height = round(widest * WIDTH + 2 * MARGIN), len(lines) * HEIGHT + 2 * MARGIN
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        f' width="{width}" height="{height}" role="img" font-size="{SIZE}" xml:space="preserve"',
        ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace">',
        f'<title>{escape(title)}</title>',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"',
        f' fill="{back}" stroke="{edge}"/>',
        *(f'<rect x="1" y="{MARGIN + row * HEIGHT}" width="{width - 2}" height="{HEIGHT}" fill="{fore}"/>'
          for row in marks),
        *body, '</svg>', ''])


def main():
    folder = tempfile.mkdtemp(prefix='bgjob-picture-')
    env = {
        'PATH': f'{folder}/bin:{os.path.dirname(DOCS)}/bin:{os.environ["PATH"]}', 'HOME': folder,
        'LANG': 'C.UTF-8', 'TERM': 'xterm-256color',
    }

    def call(*words):
        options = {'cwd': f'{folder}/project', 'env': env, 'check': True, 'text': True}
        return subprocess.run(words, capture_output=True, **options).stdout

    def tmux(*words):
        return call('tmux', '-S', f'{folder}/tmux', '-f', '/dev/null', *words)

    def shoot(keys, name, title):
        # a hint that is shown once per home is no part of the picture
        for line in 'bgjob ls; clear', keys:
            tmux('send-keys', '-l', line)
            tmux('send-keys', 'Enter')
            time.sleep(4)
        lines = tmux('capture-pane', '-e', '-p').rstrip('\n').split('\n')
        while re.sub(r'\x1b\[[\d;]*m', '', lines[-1]).strip(' $') == '':
            lines.pop()
        for scheme in SCHEMES:
            with open(f'{DOCS}/{name}-{scheme}.svg', 'w') as file:
                file.write(draw(lines, scheme, title))

    try:
        for path, text in PROGRAMS.items():
            path = f'{folder}/{path}'
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as file:
                file.write(f'#!/bin/sh\n{text}\n')
            os.chmod(path, 0o755)
        run = ['bgjob', 'run']
        call(*run, '-n', 'build', '--', 'npm', 'run', 'build')
        call(*run, '-n', 'train', '--', './train.py', '--epochs', '100')
        call(*run, '-n', 'web', '--until-port', '3000', '--', 'npm', 'run', 'dev')
        call(*run, '-n', 'test', '--', 'npm', 'test')
        call(*run, '-n', 'import', '-Q', 'db', '--', './import', 'a.csv')
        call(*run, '-Q', 'db', '--', './import', 'b.csv')
        call('bgjob', 'pause', 'train')
        time.sleep(75)
        call(*run, '-n', 'lint', '--', 'npm', 'run', 'lint')
        time.sleep(2)
        shell = "exec env PS1='$ ' bash --norc --noprofile"
        tmux('new-session', '-d', '-x', str(COLUMNS), '-y', str(ROWS), shell)
        shoot('bgjob ls', 'ls', 'bgjob ls: the jobs of a project, their states, ages, ports and counts')
        tmux('resize-window', '-x', str(COLUMNS), '-y', str(WATCH_ROWS))
        shoot('bgjob watch', 'watch', 'bgjob watch: the same jobs live, and the log of the chosen one')
        tmux('send-keys', 'q')
    finally:
        call('bgjob', 'kill', '--all', '--now')
        tmux('kill-server')
        # the supervisors tidy up
        time.sleep(5)
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
