from django.urls import path

from learning import views

urlpatterns = [
    path("learning", views.LearningView.as_view(), name="learning"),
    path("learning/receipts", views.ReceiptsView.as_view(), name="learning-receipts"),
]
