package audit

import (
	"ovenbird/internal/model"
	"ovenbird/internal/site"
)

// Rules is what a site says, as the model takes it: data, with nothing worked out.
func Rules(content *site.Content) model.Site {
	out := model.Site{
		DefaultLocale: content.DefaultLocale, Ages: content.Rules.Ages, Groups: make(map[string][]model.Membership),
	}
	for name, group := range content.Rules.Groups {
		for _, m := range group {
			out.Groups[name] = append(out.Groups[name], model.Membership{From: m.From, Countries: m.Countries.List()})
		}
	}
	for _, c := range content.Countries {
		out.Countries = append(out.Countries, model.Country{Code: c.Code, Locales: c.Locales, Holdback: c.Holdback, Ratings: c.Ratings})
	}
	for _, a := range content.Applications {
		application := model.Application{
			Name: a.Name, Languages: a.Languages, Countries: a.Countries.List(), Holdback: a.Holdback,
			RequiresVideo: a.RequiresVideo, MaxAge: a.MaxAge,
		}
		for _, d := range a.Documents {
			application.Documents = append(application.Documents, model.Document{
				Path: d.Template().String(), Shape: d.Source().Text, PageSize: d.PageSize(), LongestPrefix: d.LongestPrefix(),
			})
		}
		out.Applications = append(out.Applications, application)
	}
	return out
}
