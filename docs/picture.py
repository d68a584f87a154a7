#!/usr/bin/env python3
"""Draws what a terminal shows as SVG: tmux capture-pane -e -p | docs/picture.py light|dark TITLE >docs/ls-light.svg

Each text between two gaps is set at its own column and stretched to its own width, so columns stay straight in any font.
"""
import re
import sys
from html import escape

SCHEMES = {
    # GitHub's own colours: back, edge, text, dim, and those of SGR 31-36
    'light': ('#ffffff', '#d1d9e0', '#1f2328', '#656d76',
              ['#cf222e', '#116329', '#7d4e00', '#0969da', '#8250df', '#1b7c83']),
    'dark': ('#0d1117', '#3d444d', '#e6edf3', '#8d96a0',
             ['#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf']),
}
WIDTH, HEIGHT, SIZE, MARGIN = 8.4, 20, 14, 16


def runs(line, style):
    """The pieces of a line with their columns and styles, and the style in which it ends: tmux carries it over."""
    column, pieces = 0, []
    for text, codes in re.findall(r'([^\x1b]+)|\x1b\[([\d;]*)m', line):
        if text:
            pieces += [(column + word.start(), word[0], style) for word in re.finditer(r'\S+( \S+)*', text)]
            column += len(text)
            continue
        for code in map(int, (codes or '0').split(';')):
            color, bold, dim = (None, False, False) if code == 0 else style
            if code == 1: bold = True
            if code == 2: dim = True
            if code == 22: bold = dim = False
            if 31 <= code <= 36: color = code - 31
            if 91 <= code <= 96: color = code - 91
            if code == 39: color = None
            if code == 90: dim = True
            style = (color, bold, dim)
    return pieces, style


def draw(lines, scheme, title):
    back, edge, fore, faint, colors = SCHEMES[scheme]
    style, body, widest = (None, False, False), [], 0
    for row, line in enumerate(lines):
        pieces, style = runs(line, style)
        for column, text, (color, bold, dim) in pieces:
            widest = max(widest, column + len(text))
            fill = faint if dim else fore if color is None else colors[color]
            weight = ' font-weight="bold"' if bold else ''
            body.append(
                f'<text x="{MARGIN + column * WIDTH:.1f}" y="{MARGIN + row * HEIGHT + 15}" fill="{fill}"{weight} '
                f'textLength="{len(text) * WIDTH:.1f}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')
    width, height = round(widest * WIDTH + 2 * MARGIN), len(lines) * HEIGHT + 2 * MARGIN
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="{SIZE}" '
        'xml:space="preserve">',
        f'<title>{escape(title)}</title>',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{back}" stroke="{edge}"/>',
        *body, '</svg>', ''])


if __name__ == '__main__':
    shown = sys.stdin.read().rstrip('\n').split('\n')
    while shown and not re.sub(r'\x1b\[[\d;]*m', '', shown[-1]).strip(' $'):
        shown.pop()
    sys.stdout.write(draw(shown, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else 'a terminal'))
