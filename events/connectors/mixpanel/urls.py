from events.connectors.mixpanel import views
from events.connectors.shared.paths import either

urlpatterns = [
    *either("mixpanel", views.MixpanelView),
    *either("mixpanel/<str:endpoint>", views.MixpanelEndpointView),
]
