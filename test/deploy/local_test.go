package deploy

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSamLocalFindsTheFourRoutes(t *testing.T) {
	t.Parallel()
	want := [][]string{
		{"ANY", "$default", "RefreshFunction", "2.0"},
		{"GET", "/v2/user/refresh/{user_id}", "RefreshFunction", "2.0"},
		{"POST", "/v2/user/refresh/{user_id}", "RefreshFunction", "2.0"},
		{"POST", "/webhooks", "RefreshFunction", "2.0"},
	}
	for _, authorizer := range []string{"NONE", "AWS_IAM"} {
		t.Run(authorizer, func(t *testing.T) {
			t.Parallel()
			got := script[[][]string](t, nil, "routes.py", filepath.Join(root, "template.yaml"), "HttpApiAuthorizer="+authorizer)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
