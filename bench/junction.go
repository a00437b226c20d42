//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// junction answers every refresh after the given time, and with the given number of sources.
func junction(takes time.Duration, sources int) http.Handler {
	names := make([]string, sources)
	for i := range names {
		names[i] = sourceName(i)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(junctiontest.RefreshAnswer{
			Success: true, UserID: path.Base(r.URL.Path), RefreshedSources: names, InProgressSources: []string{}, FailedSources: []string{},
		})
	})
}

// sourceName returns one of Junction's sources. The names have the lengths of real ones.
func sourceName(i int) string {
	providers := []string{"withings", "oura", "fitbit", "garmin", "apple_health_kit"}
	resources := []string{"body", "sleep", "activity", "workouts", "vitals/blood_pressure", "vitals/heart_rate"}
	return providers[i/len(resources)%len(providers)] + "/" + resources[i%len(resources)]
}

// usualSources is how many sources a user has, except for the size of an item.
const usualSources = 4

// user returns the nth user's ID.
func user(n int) string { return junctiontest.GeneratedUserID(n) }

// direct returns the event of a direct call.
func direct(userID string) string { return fmt.Sprintf(`{"user_id":%q,"timeout":10}`, userID) }
