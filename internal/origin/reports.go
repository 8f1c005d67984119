package origin

import (
	"encoding/json"
	"net/http"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/spread"
)

// maxReport is the length, in bytes, of the longest report.
const maxReport = 16 << 10

// takeReport takes in what an edge says of itself.
func (o *Origin) takeReport(w http.ResponseWriter, r *http.Request) {
	var report spread.Report
	// What a newer edge says beside is not for this origin.
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport)).Decode(&report); err != nil {
		refuse(w, http.StatusBadRequest, "A report is a JSON object of up to 16 KiB: "+err.Error()+".")
		return
	}
	err := o.reports.Report(r.Context(), report)
	switch ovenbird.CodeOf(err) {
	case "":
		w.WriteHeader(http.StatusNoContent)
	case ovenbird.Invalid:
		refuse(w, http.StatusBadRequest, err.Error()+".")
	default:
		o.failed(w, r, "taking a report in", err)
	}
}
