package sensitive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const text = "sk_us_do_not_print"

func TestNoWayOfPrintingShowsTheText(t *testing.T) {
	secret := sensitive.New(text)
	inside := struct {
		key sensitive.String
		Key sensitive.String
		ptr *sensitive.String
	}{secret, secret, &secret}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "secret", secret, "inside", inside, "pointer", &secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", secret, "inside", inside)
	encoded, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	printed := log.String() + string(encoded) + secret.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
		printed += fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, inside) + fmt.Sprintf(verb, &inside) + fmt.Sprintf(verb, []any{inside})
	}
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(printed, form) {
			t.Errorf("the secret shows in %q", printed)
		}
	}
	if !strings.Contains(string(encoded), "[redacted]") {
		t.Errorf("JSON is %s", encoded)
	}
}

func TestEqualComparesTheText(t *testing.T) {
	if !sensitive.New(text).Equal(sensitive.New(text)) || sensitive.New(text).Equal(sensitive.New("other")) {
		t.Error("Equal is wrong")
	}
	if !(sensitive.String{}).Equal(sensitive.New("")) {
		t.Error("the zero value is not the empty secret")
	}
}

func TestRedactTakesTheTextOutOfOtherText(t *testing.T) {
	if got := sensitive.New(text).Redact("bad key " + text + "!"); got != "bad key [redacted]!" {
		t.Error(got)
	}
	if got := (sensitive.String{}).Redact("text"); got != "text" {
		t.Errorf("the empty secret changed a text to %q", got)
	}
}

func TestItIsFilledFromText(t *testing.T) {
	var s sensitive.String
	if err := s.UnmarshalText([]byte(text)); err != nil || s.Reveal() != text || s.Empty() {
		t.Error("the text is not there")
	}
}
