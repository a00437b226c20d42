package junctiontest

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// Oversized answers 200 with a valid body of more than size bytes.
func Oversized(size int) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = writePadded(w, size)
	})
}

// padding is white space that can be added to JSON.
var padding = strings.Repeat(" ", 32<<10)

// GzipBomb answers 200 with a small gzip body that expands to a valid body of more than size bytes. It does so
// even if the client does not accept gzip.
func GzipBomb(size int) Fault {
	return handlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_ = writePadded(zip, size)
		_ = zip.Close()
	})
}

// writePadded writes a body of more than size bytes, most of them white space, without holding it in memory. It
// stops if the client has disconnected.
func writePadded(w io.Writer, size int) error {
	if _, err := io.WriteString(w, `{"success":true,`); err != nil {
		return err
	}
	for left := size; left > 0; left -= len(padding) {
		if _, err := io.WriteString(w, padding[:min(left, len(padding))]); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, `"user_id":"`+DefaultUserID+
		`","refreshed_sources":[],"in_progress_sources":[],"failed_sources":[]}`)
	return err
}
