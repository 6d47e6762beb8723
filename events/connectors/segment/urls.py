from events.connectors.segment import views
from events.connectors.shared.paths import either

urlpatterns = [
    *either("segment", views.SegmentView),
    *either("segment/v1/batch", views.SegmentBatchView),
    *either("segment/v1/<str:kind>", views.SegmentMessageView),
]
