package document_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const loopUser = "1449752e-0d8a-40e0-9206-91ab099b2537"

func TestAResultThatIsFedBackIsIgnored(t *testing.T) {
	out := result.From(loopUser, result.Answer{Status: 200})
	out.RequestID = "8f507cfc-3e5b-4c0e-8a52-0f8f0c1d2e3f"
	fedBack, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	reader := &document.Reader{UserIDPaths: [][]string{{"user_id"}}}
	d, err := reader.Read(fedBack)
	if err != nil || !d.Ignored || !slices.Equal(d.Users, []result.User{{ID: loopUser}}) {
		t.Errorf("a document: %+v, %v", d, err)
	}
	m, err := reader.ReadMessage(string(fedBack))
	if err != nil || !m.Ignored {
		t.Errorf("a message: %+v, %v", m, err)
	}
	envelope := `{"detail-type":"x","source":"a.broad.rule","detail":` + string(fedBack) + `}`
	m, err = reader.ReadMessage(envelope)
	if err != nil || !m.Ignored {
		t.Errorf("an event in a message: %+v, %v", m, err)
	}
}

func TestADocumentWithSomeOfAResultsKeysIsNotAResult(t *testing.T) {
	reader := &document.Reader{UserIDPaths: [][]string{{"user_id"}}}
	for _, keys := range []string{`"status":"x","request_id":"x"`, `"status":"x","completed_at":"x"`, `"request_id":"x","completed_at":"x"`, `"status":null,"request_id":"x","completed_at":"x"`} {
		t.Run(keys, func(t *testing.T) {
			if d, err := reader.Read([]byte(`{"user_id":"` + loopUser + `",` + keys + `}`)); err != nil || d.Ignored {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}
