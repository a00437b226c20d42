package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is an output stream. Hidden texts do not pass, as long as one Write has the whole of them. It is
// safe for concurrent use.
type screen struct {
	terminal bool // a person is looking
	color    bool

	mu     sync.Mutex
	w      io.Writer
	hidden []string // pairs: a secret and what is shown instead
}

func newScreen(w io.Writer, plain bool) *screen {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	return &screen{w: w, terminal: terminal, color: terminal && !plain}
}

// minHidden is the least length of a text that can be hidden: to mask a letter or two would mask everything.
const minHidden = 8

func (s *screen) hide(text string) {
	if len(text) < minHidden {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = append(s.hidden, text, mask(text))
}

// Write implements io.Writer. A character that is not printable is shown as JSON escapes it, so that nothing foreign
// controls the terminal, and JSON stays what it is.
func (s *screen) Write(p []byte) (int, error) {
	if _, err := s.asIs().Write([]byte(s.escape(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// asIs returns a writer for texts that control the terminal, or that another program reads.
func (s *screen) asIs() io.Writer { return asIs{s} }

type asIs struct{ *screen }

// Write implements io.Writer.
func (s asIs) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, strings.NewReplacer(s.hidden...).Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escape escapes the characters of a text that are not printable, other than line breaks, tabs and the screen's own
// styles.
func (s *screen) escape(text string) string {
	var out strings.Builder
	for text != "" {
		if style := leadingStyle(text); s.color && style != "" {
			out.WriteString(style)
			text = text[len(style):]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			out.WriteRune(r) // U+FFFD for what is not UTF-8
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// leadingStyle returns the style that a text begins with, or "".
func leadingStyle(text string) string {
	for _, style := range []string{bold, green, red, reset} {
		if strings.HasPrefix(text, style) {
			return style
		}
	}
	return ""
}

// printf prints. If the terminal or pipe is gone, there is nobody to tell.
func (s *screen) printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

// The styles.
const (
	bold  = "\x1b[1m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	reset = "\x1b[0m"
)

// style returns the text in a style if the screen shows styles.
func (s *screen) style(style, text string) string {
	if !s.color {
		return text
	}
	return style + text + reset
}

// duration returns a time for a person, to the millisecond.
func duration(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1ms"
	}
	return d.Round(time.Millisecond).String()
}

// counted returns a number of things.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// printable quotes an ID that could disturb a terminal.
func printable(id string) string {
	if quoted := strconv.Quote(id); quoted != `"`+id+`"` {
		return quoted
	}
	return id
}

// indented returns JSON indented, and anything else as it is.
func indented(raw []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return raw
	}
	return b.Bytes()
}

// encode returns v as JSON, without HTML's escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("cannot encode %T: %v", v, err)) // strings and numbers only
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
