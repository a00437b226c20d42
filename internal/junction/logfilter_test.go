package junction_test

import (
	"bytes"
	"errors"
	"log"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction"
)

// lines is a writer that passes on each write.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestWhatAServerSendsUnaskedDoesNotReachTheLog(t *testing.T) {
	logged := make(lines, 10)
	log.SetOutput(junction.LogFilter(logged))
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	body := `{"success":true,"user_id":"` + user + `"}`
	c := serveRaw(t, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body+key, true)
	if _, f := refresh(t, c); f != nil {
		t.Fatal(f)
	}
	select {
	case line := <-logged:
		if strings.Contains(line, key) || !strings.HasSuffix(line, "Unsolicited response received on idle HTTP channel\n") {
			t.Errorf("logged %q", line)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was logged")
	}
}

func TestOtherLinesOfTheLogAreKept(t *testing.T) {
	var out bytes.Buffer
	logger := log.New(junction.LogFilter(&out), "", 0)
	logger.Print("a line starting with x")
	logger.Print(`Unsolicited response received starting with "x"`)
	if got, want := out.String(), "a line starting with x\nUnsolicited response received\n"; got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func TestALogThatCannotBeWrittenIsReported(t *testing.T) {
	if _, err := junction.LogFilter(brokenWriter{}).Write([]byte("Unsolicited response starting with x")); err == nil {
		t.Error("no error")
	}
}
