package junctiontest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// RefreshAnswer is the body of a refresh with status 200 or 202 (UserRefreshSuccessResponse).
type RefreshAnswer struct {
	Success           bool     `json:"success"`
	UserID            string   `json:"user_id"`
	RefreshedSources  []string `json:"refreshed_sources"`
	InProgressSources []string `json:"in_progress_sources"`
	FailedSources     []string `json:"failed_sources"`
}

// RefreshError is the body of a refresh with status 400 (UserRefreshErrorResponse).
type RefreshError struct {
	Success       bool     `json:"success"`
	UserID        string   `json:"user_id"`
	Error         string   `json:"error"`
	FailedSources []string `json:"failed_sources"`
}

// problem is one entry of the detail of a 422, as FastAPI reports it.
type problem struct {
	Loc  [2]string `json:"loc"`
	Msg  string    `json:"msg"`
	Type string    `json:"type"`
}

func writeInvalid(w http.ResponseWriter, problems []problem) {
	writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": problems})
}

// writeDetail answers as FastAPI's HTTPException does.
func writeDetail(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, map[string]any{"detail": detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("junctiontest: answer cannot be encoded: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // the client may be gone
}
