package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func ExampleNew() {
	simulator := httptest.NewServer(junctiontest.New())
	defer simulator.Close()

	function, err := app.New([]string{
		"JUNCTION_API_KEY=" + junctiontest.DefaultKey,
		"JUNCTION_BASE_URL=" + simulator.URL,
		"CALLER_AUTH=none",
	}, "dev", slog.New(slog.DiscardHandler), app.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := function.Invoke(context.Background(), []byte(`{"user_id":"`+junctiontest.CompletedUserID+`","timeout":30}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var out struct{ Status string }
	_ = json.Unmarshal(answer, &out)
	fmt.Println(out.Status)
	// Output: completed
}
