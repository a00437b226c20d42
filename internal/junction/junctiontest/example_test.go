package junctiontest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// A refresh of the default user, whose first attempt is rejected.
func Example() {
	sim := junctiontest.New()
	sim.InjectFor(junctiontest.DefaultUserID, 1, junctiontest.TooManyRequests(2*time.Second))
	server := httptest.NewServer(sim)
	defer server.Close()

	for range 2 {
		req, _ := http.NewRequest(http.MethodPost, server.URL+"/v2/user/refresh/"+junctiontest.DefaultUserID+"?timeout=30", nil)
		req.Header.Set("x-vital-api-key", junctiontest.DefaultKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, resp.Header.Get("Retry-After"), string(body))
	}
	fmt.Println(sim.Calls(junctiontest.DefaultUserID), "calls:", sim.Requests())
	// Output:
	// 429 2 {"detail":"Too Many Requests"}
	// 200  {"success":true,"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537","refreshed_sources":["withings/body","withings/sleep","withings/vitals/blood_pressure"],"in_progress_sources":[],"failed_sources":["oura/sleep"]}
	// 2 calls: [POST /v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?timeout=30 → 429 POST /v2/user/refresh/1449752e-0d8a-40e0-9206-91ab099b2537?timeout=30 → 200]
}

// A server on a loopback address that prints each exchange, as in cmd/local.
func ExampleSimulator_Start() {
	sim := junctiontest.New(
		junctiontest.WithSpeed(1000), // a minute of waiting takes 60 ms
		junctiontest.OnExchange(func(e junctiontest.Exchange) { fmt.Println(e.Method, e.URL(), e.Status, e.Header) }),
	)
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	req, _ := http.NewRequest(http.MethodGet, server.URL()+"/v2/user?limit=1", nil)
	req.Header = http.Header{"X-Vital-Api-Key": {junctiontest.DefaultKey}, "Accept-Encoding": nil, "User-Agent": nil}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	// Output: GET /v2/user?limit=1 200 map[Accept-Encoding:[gzip] X-Vital-Api-Key:[sk_us_****]]
}
