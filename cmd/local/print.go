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

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, strings.NewReplacer(s.hidden...).Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
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
