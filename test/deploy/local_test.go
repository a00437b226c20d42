package deploy

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSamLocalFindsTheThreeRoutes(t *testing.T) {
	t.Parallel()
	want := [][]any{
		{"$default", 7.0, "RefreshFunction", "2.0"},
		{"/v2/user/refresh/{user_id}", 1.0, "RefreshFunction", "2.0"},
		{"/webhooks", 1.0, "RefreshFunction", "2.0"},
	}
	for _, authorizer := range []string{"NONE", "AWS_IAM"} {
		t.Run(authorizer, func(t *testing.T) {
			t.Parallel()
			got := script[[][]any](t, nil, "routes.py", filepath.Join(root, "template.yaml"), "HttpApiAuthorizer="+authorizer)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
