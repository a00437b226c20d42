package junction

import (
	"bytes"
	"io"
)

// LogFilter returns a writer for the standard logger. net/http logs there what a server sends without having been
// asked, such as the rest of a body that is longer than its Content-Length: it can contain the key. The filter keeps
// what happened, and removes what was sent.
func LogFilter(w io.Writer) io.Writer { return logFilter{w} }

type logFilter struct{ io.Writer }

// The standard logger writes each line at once.
func (f logFilter) Write(line []byte) (int, error) {
	event, _, quotes := bytes.Cut(line, []byte(" starting with "))
	if !quotes || !bytes.Contains(event, []byte("Unsolicited response")) {
		return f.Writer.Write(line)
	}
	if _, err := f.Writer.Write(append(bytes.Clone(event), '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}
