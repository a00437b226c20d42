package handler

import (
	"strings"
	"testing"
)

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
		if again, s := match("/stage/base" + "/" + strings.Trim(path, "/") + "/"); to != noRoute && (again != to || s != segment) {
			t.Errorf("%q is another route behind a stage", path)
		}
	})
}
