package handler

import (
	"strings"
	"testing"
)

// A path is one route, whatever stage is before it, and the user ID is one segment of it.
func FuzzMatch(f *testing.F) {
	for _, path := range []string{"/v2/user/refresh/x", "/prod/v2/user/refresh/x/", "/webhooks", "/a/webhooks//", "", "/", "v2/user/refresh/%2e%2e", "//v2//user"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		to, segment := match(path)
		if (to == refreshRoute) != (segment != "") && !strings.Contains(path, "refresh") {
			t.Errorf("%q is %v with %q", path, to, segment)
		}
		if strings.Contains(segment, "/") {
			t.Errorf("%q has the segment %q", path, segment)
		}
		if to == noRoute {
			return
		}
		again, behindStage := match("/stage/base" + "/" + strings.Trim(path, "/") + "/")
		if again != to {
			t.Errorf("%q is route %v, and %v behind a stage", path, to, again)
		}
		if behindStage != segment {
			t.Errorf("%q has the segment %q, and %q behind a stage", path, segment, behindStage)
		}
	})
}
